//! Spin's own `llm`: an answer comes as a whole, and less can be asked of it.
//!
//! Emulated: the chat format as text, stop strings (the text is cut; the model has gone on), the end of the context (by
//! an estimate). Refused by name: what cannot be had. A hint for the cache changes nothing, and is passed over.

mod echo;
mod options;

use crate::{
    Config, Error, Event, Finish, Generation, Input, Model, Models, Options, Step, Template, Usage,
    input::Settings, remote, stop::StopFilter, template,
};
use corral_spin_platform::llm::{self, Inferred, Llm, Parameters};
use std::{collections::VecDeque, sync::Arc, time::Instant};

/// Spin's llm and the models that it is asked for.
pub struct Spin {
    llm: Arc<dyn Llm>,
    names: Vec<String>,
    context: u32,
}

impl Spin {
    /// `context` is how many tokens prompt and answer may have together.
    pub fn new(llm: Arc<dyn Llm>, names: Vec<String>, context: u32) -> Self {
        Self { llm, names, context }
    }
}

impl Models for Spin {
    fn models(&self) -> Result<Vec<Model>, Error> {
        let model = |name: &String| Model {
            name: name.clone(),
            context_length: self.context,
            template: Template::Llama2,
            tools: false,
            adapters: Vec::new(),
        };
        Ok(self.names.iter().map(model).collect())
    }

    fn generate(
        &self,
        model: Option<&str>,
        input: Input,
        options: Options,
    ) -> Result<Box<dyn Generation>, Error> {
        let model = self.describe(model)?;
        input.check()?;
        let settings = options.settle(&Config::default())?;
        options::check(&options, &settings)?;
        let need = remote::estimate(&input);
        let room = self
            .context
            .checked_sub(need)
            .filter(|room| *room > 0)
            .ok_or(Error::ContextOverflow { need, have: self.context.saturating_sub(1) })?;
        let max_tokens = settings.max_tokens.min(room);
        Ok(Box::new(Answer {
            llm: Arc::clone(&self.llm),
            model: model.name,
            prompt: template::text(&input)?,
            parameters: options::parameters(&Settings { max_tokens, ..settings }),
            stop: options.stop,
            submitted: Instant::now(),
            stage: Stage::Open,
        }))
    }
}

/// An answer. The model is asked when the first event is: what the caller has to tell before can go ahead.
struct Answer {
    llm: Arc<dyn Llm>,
    model: String,
    prompt: String,
    parameters: Parameters,
    stop: Vec<String>,
    submitted: Instant,
    stage: Stage,
}

enum Stage {
    Open,
    /// What is left to tell.
    Known(VecDeque<Event>),
}

impl Generation for Answer {
    fn next(&mut self, max: usize) -> Result<Step, Error> {
        if let Stage::Open = self.stage {
            // An error ends the answer.
            self.stage = Stage::Known(VecDeque::new());
            let inferred = self.llm.infer(&self.model, &self.prompt, self.parameters)?;
            self.stage = Stage::Known(self.events(&inferred));
        }
        let Stage::Known(events) = &mut self.stage else { return Ok(Step::Events(Vec::new())) };
        let count = max.max(1).min(events.len());
        Ok(Step::Events(events.drain(..count).collect()))
    }
}

impl Answer {
    fn events(&mut self, inferred: &Inferred) -> VecDeque<Event> {
        let Inferred { text, prompt_tokens, generated_tokens } = inferred;
        let (text, prompt_tokens) = match echo::after(&self.prompt, text) {
            // What repeats the prompt counts the answer as prompt, too.
            Some(rest) => (rest, prompt_tokens.saturating_sub(*generated_tokens)),
            None => (text.as_str(), *prompt_tokens),
        };
        let mut stops = StopFilter::new(std::mem::take(&mut self.stop));
        let (mut delta, stopped) = stops.push(text);
        delta.push_str(&stops.finish());
        let is_full = *generated_tokens >= self.parameters.max_tokens;
        let finish = if is_full && !stopped { Finish::Length } else { Finish::Stop };
        let total_ms = u32::try_from(self.submitted.elapsed().as_millis()).unwrap_or(u32::MAX);
        let usage = Usage {
            prompt_tokens,
            completion_tokens: *generated_tokens,
            // All of it comes with the last token.
            first_token_ms: total_ms,
            total_ms,
            ..Usage::default()
        };
        let delta = (!delta.is_empty()).then_some(Event::Delta(delta));
        delta.into_iter().chain([Event::Done { finish, usage }]).collect()
    }
}

impl From<llm::Error> for Error {
    fn from(error: llm::Error) -> Self {
        match error {
            llm::Error::ModelNotSupported => Self::NoSuchModel,
            // The operator's to mend: a model without a folder, or one that is not in `ai_models`.
            llm::Error::InvalidInput(cause) | llm::Error::Runtime(cause) => Self::Unavailable(cause),
        }
    }
}

#[cfg(test)]
mod tests;
