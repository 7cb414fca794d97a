//! `fermyon:spin/llm@2.0.0`: texts by the host's models, vectors by its embedding model.

use super::wit::fermyon::spin::llm::{
    EmbeddingsResult, EmbeddingsUsage, Error, Host, InferencingParams, InferencingResult, InferencingUsage,
};
use crate::guest::State;
use corral_embedding::Purpose;
use corral_inference::{Event, Input, Options, Owner};

/// The model that Spin's documentation names: the host's default, unless one is called so.
const USUAL: &str = "llama2-chat";

/// The one model that gives vectors.
const EMBEDDING: &str = "all-minilm-l6-v2";

/// What Spin takes where a component says nothing.
const PARAMETERS: InferencingParams = InferencingParams {
    max_tokens: 100,
    repeat_penalty: 1.1,
    repeat_penalty_last_n_token_count: 64,
    temperature: 0.8,
    top_k: 40,
    top_p: 0.9,
};

/// Events that are taken at once.
const EVENTS: usize = 64;

impl Host for State {
    async fn infer(
        &mut self,
        model: String,
        prompt: String,
        params: Option<InferencingParams>,
    ) -> wasmtime::Result<Result<InferencingResult, Error>> {
        if !self.component()?.models.contains(&model) {
            return Ok(Err(denied(&model)));
        }
        Ok(self.infer_granted(model, prompt, params.unwrap_or(PARAMETERS)).await)
    }

    async fn generate_embeddings(
        &mut self,
        model: String,
        text: Vec<String>,
    ) -> wasmtime::Result<Result<EmbeddingsResult, Error>> {
        if !self.component()?.models.contains(&model) {
            return Ok(Err(denied(&model)));
        }
        if model.to_ascii_lowercase() != EMBEDDING {
            return Ok(Err(Error::ModelNotSupported));
        }
        Ok(self.embed_granted(text).await)
    }
}

impl State {
    async fn infer_granted(
        &mut self,
        model: String,
        prompt: String,
        params: InferencingParams,
    ) -> Result<InferencingResult, Error> {
        let models = self.services.models.clone();
        let named = models.list().iter().any(|listed| listed.name == model);
        let name = match named {
            true => Some(model.as_str()),
            false if model == USUAL => None,
            false => return Err(Error::ModelNotSupported),
        };
        // Set aside what the answer may become. Where that is less than asked for, it ends there.
        let Some(granted) = self.allowance.set_aside(params.max_tokens.max(1)) else {
            return Err(Error::RuntimeError("the request has used up the tokens of limits.tokens".into()));
        };
        let options = Options {
            max_tokens: Some(granted),
            temperature: Some(params.temperature),
            top_k: Some(params.top_k),
            top_p: Some(params.top_p),
            repeat_penalty: Some(params.repeat_penalty),
            owner: Some(Owner::Client(format!("{}/spin", self.client.key()))),
            principal: Some(self.client.key()),
            ..Options::default()
        };
        let (deadline, calls) = (self.deadline.into_std(), self.services.calls.of("spin-llm"));
        let generated = async {
            let mut generation = models.generate(name, Input::Marked(prompt), options, deadline).await?;
            let mut text = String::new();
            loop {
                for event in generation.next(EVENTS).await? {
                    match event {
                        Event::Delta(delta) => text.push_str(&delta),
                        Event::Scored(_) | Event::Call(_) => {}
                        Event::Done { usage, .. } => return Ok((text, usage)),
                    }
                }
            }
        };
        let generated = calls.time("infer", generated).await;
        self.allowance.give_back(match &generated {
            Ok((_, usage)) => granted.saturating_sub(usage.completion_tokens),
            Err(_) => granted,
        });
        let (text, usage) = generated.map_err(refusal)?;
        self.record.generation(&usage);
        let usage = InferencingUsage {
            prompt_token_count: usage.prompt_tokens,
            generated_token_count: usage.completion_tokens,
        };
        Ok(InferencingResult { text, usage })
    }

    async fn embed_granted(&mut self, texts: Vec<String>) -> Result<EmbeddingsResult, Error> {
        let embedder = &self.services.embedder;
        let calls = self.services.calls.of("spin-llm");
        if texts.is_empty() {
            let usage = EmbeddingsUsage { prompt_token_count: 0 };
            return Ok(EmbeddingsResult { embeddings: Vec::new(), usage });
        }
        let counted = embedder.count_tokens(texts.clone()).await.map_err(no_embedding)?;
        let mut embeddings = Vec::with_capacity(texts.len());
        // A call takes as many texts as the embedding model does at once.
        for some in texts.chunks(corral_embedding::MAX_TEXTS) {
            let embed = embedder.embed(some.to_vec(), Purpose::Document, self.deadline.into_std());
            let packed = calls.time("embed", embed).await.map_err(no_embedding)?;
            let width = usize::try_from(packed.dimensions).unwrap_or(usize::MAX).max(1);
            embeddings.extend(packed.values.chunks(width).map(<[f32]>::to_vec));
        }
        let usage = EmbeddingsUsage { prompt_token_count: counted.iter().sum() };
        Ok(EmbeddingsResult { embeddings, usage })
    }
}

fn denied(model: &str) -> Error {
    Error::InvalidInput(format!(
        "The component does not have access to use '{model}'. To give the component access, add '{model}' to the \
         'ai_models' key for the component in your spin.toml manifest"
    ))
}

fn refusal(error: corral_inference::Error) -> Error {
    use corral_inference::Error as Cause;
    match error {
        Cause::NoSuchModel => Error::ModelNotSupported,
        Cause::InvalidArgument(what) => Error::InvalidInput(what),
        Cause::ContextOverflow { need, have } => {
            Error::InvalidInput(format!("the prompt has {need} tokens, and the model has room for {have}"))
        }
        Cause::Overloaded { retry_after } => {
            Error::RuntimeError(format!("the model is busy; try again in {} s", retry_after.as_secs().max(1)))
        }
        Cause::Deadline => Error::RuntimeError("the answer took too long".into()),
        Cause::Unavailable(cause) => {
            tracing::warn!(cause, "model unavailable");
            Error::RuntimeError("the model is not available".into())
        }
    }
}

fn no_embedding(error: corral_embedding::Error) -> Error {
    use corral_embedding::Error as Cause;
    match error {
        Cause::InvalidArgument(what) => Error::InvalidInput(what),
        Cause::Overloaded { retry_after } => Error::RuntimeError(format!(
            "the embedding model is busy; try again in {} s",
            retry_after.as_secs().max(1)
        )),
        Cause::Deadline => Error::RuntimeError("the embedding took too long".into()),
        Cause::Unavailable(cause) | Cause::Load(cause) => {
            tracing::warn!(cause, "embedding model unavailable");
            Error::RuntimeError("the embedding model is not available".into())
        }
    }
}
