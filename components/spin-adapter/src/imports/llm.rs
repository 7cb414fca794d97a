//! `fermyon:spin/llm`.

use crate::fermyon::spin::llm as spin;
use corral_spin_platform::llm::{Embedded, Error, Inferred, Llm, Parameters};

/// Spin's llm.
pub struct SpinLlm;

impl Llm for SpinLlm {
    fn infer(&self, model: &str, prompt: &str, parameters: Parameters) -> Result<Inferred, Error> {
        let parameters = spin::InferencingParams {
            max_tokens: parameters.max_tokens,
            repeat_penalty: parameters.repeat_penalty,
            repeat_penalty_last_n_token_count: parameters.repeat_penalty_last_n,
            temperature: parameters.temperature,
            top_k: parameters.top_k,
            top_p: parameters.top_p,
        };
        let inferred = spin::infer(model, prompt, Some(parameters)).map_err(Error::from)?;
        Ok(Inferred {
            text: inferred.text,
            prompt_tokens: inferred.usage.prompt_token_count,
            generated_tokens: inferred.usage.generated_token_count,
        })
    }

    fn embed(&self, model: &str, texts: &[String]) -> Result<Embedded, Error> {
        let embedded = spin::generate_embeddings(model, texts).map_err(Error::from)?;
        Ok(Embedded { vectors: embedded.embeddings, prompt_tokens: embedded.usage.prompt_token_count })
    }
}

impl From<spin::Error> for Error {
    fn from(error: spin::Error) -> Self {
        match error {
            spin::Error::ModelNotSupported => Self::ModelNotSupported,
            spin::Error::RuntimeError(cause) => Self::Runtime(cause),
            spin::Error::InvalidInput(cause) => Self::InvalidInput(cause),
        }
    }
}
