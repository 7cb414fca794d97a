//! A model that says what is in a script: for trying chat logic without disturbing a model that works.

use std::{sync::Arc, time::Instant};

use tokio::sync::mpsc;

use crate::{Config, Error, Event, Finish, Generation, Input, Model, Options, Template, Usage};

/// Bytes of English that make a token, about.
const BYTES_A_TOKEN: usize = 4;

/// What is said whatever is asked, under a model's name and within its context.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    text: Arc<str>,
    model: Arc<Model>,
}

impl Script {
    /// In place of the model of these settings.
    pub fn new(text: &str, name: &str, config: &Config) -> Self {
        let model = Model {
            name: name.to_owned(),
            context_length: config.n_ctx,
            template: Template::Embedded,
            tools: true,
            adapters: config.adapters.keys().cloned().collect(),
        };
        Self { text: text.into(), model: Arc::new(model) }
    }

    pub fn describe(&self) -> Model {
        (*self.model).clone()
    }

    pub fn count_tokens(&self, input: &Input) -> u32 {
        let bytes = match input {
            Input::Prompt(text) | Input::Marked(text) => text.len(),
            Input::Chat(messages) => {
                messages.iter().map(|message| message.content.len() + BYTES_A_TOKEN).sum()
            }
            Input::Tools(dialogue) => dialogue.bytes() + dialogue.turns.len() * BYTES_A_TOKEN,
        };
        count(bytes)
    }

    /// Word by word.
    pub fn generate(&self, input: &Input, _: &Options, deadline: Instant) -> Result<Generation, Error> {
        let (need, have) = (self.count_tokens(input), self.model.context_length);
        if need >= have {
            return Err(Error::ContextOverflow { need, have });
        }
        let words: Vec<_> = self.text.split_inclusive(' ').collect();
        let (events, receiver) = mpsc::channel(words.len() + 1);
        let usage = Usage {
            prompt_tokens: need,
            completion_tokens: u32::try_from(words.len()).unwrap_or(u32::MAX),
            ..Usage::default()
        };
        let done = Event::Done { finish: Finish::Stop, usage };
        for event in words.into_iter().map(|word| Event::Delta(word.to_owned())).chain([done]) {
            // Invariant: there is room for all of them, and the receiver is here.
            let _ = events.try_send(Ok(event));
        }
        Ok(Generation::new(receiver, deadline))
    }
}

fn count(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_A_TOKEN)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn the_script_is_said_and_a_prompt_that_does_not_fit_is_not() {
        let script = Script::new("Yes, indeed.", "m", &Config { n_ctx: 16, ..Config::default() });
        let ask = |text: &str| {
            let input = Input::Prompt(text.to_owned());
            script.generate(&input, &Options::default(), Instant::now() + Duration::from_secs(9))
        };
        let events = ask("Hello?").unwrap().next(9).await.unwrap();
        assert_eq!(events[..2], [Event::Delta("Yes, ".into()), Event::Delta("indeed.".into())]);
        assert!(matches!(events[2], Event::Done { finish: Finish::Stop, usage } if usage.prompt_tokens == 2));
        let refused = ask(&"x".repeat(64)).err();
        assert_eq!(refused, Some(Error::ContextOverflow { need: 16, have: 16 }));
    }
}
