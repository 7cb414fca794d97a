//! Completions: an answer to a conversation that the client keeps, text that goes on where a prompt ends, or a
//! turn of a session that the server keeps; whole, or in chunks as it comes.
//!
//! Not here: what is right in a request (`request.rs`, `prompt.rs` and those beside them), how an answer reads
//! (`chat.rs`, `text.rs`).

mod answer;
mod chat;
mod chunks;
mod event;
mod form;
mod format;
mod logprobs;
mod messages;
mod options;
mod owner;
mod prompt;
mod request;
mod session;
mod text;
mod tools;
mod unsupported;

use std::time::{SystemTime, UNIX_EPOCH};

use super::models::{self, Chosen};
use crate::corral::chat::turns::{self, Turn};
use crate::corral::host::inference::{self, Input, Options, ToolMessage, Toolbox};
use crate::failure::Failure;
use crate::openai::{Mistake, excerpt};
use crate::reply::Reply;
use crate::response::Piece;
use crate::uuid;
use answer::{Answer, Head};
pub use chat::Chat;
use chunks::Chunks;
use event::Event;
pub use form::Form;
use request::Asked;
pub use request::{Delivery, Request};
pub use text::Text;

/// Events taken at once.
const BATCH: u32 = 64;

/// An answer under way. Dropping it cancels it.
enum Running {
    Generation(inference::Generation),
    WithTools(inference::ToolGeneration),
    Turn(turns::Reply),
}

/// Answers when the answer is complete.
pub fn answer<F: Form>(request: Request<F>) -> Result<Reply, Failure> {
    let with_logprobs = request.options.log_probabilities.is_some();
    let head = Head::new::<F>(&request.model);
    let (running, form) = Running::begin(request)?;
    let mut answer = Answer::new(head, form, with_logprobs);
    loop {
        let events = running.next()?;
        if events.is_empty() {
            return answer.body().map(|body| Reply::ok(&body));
        }
        events.into_iter().for_each(|event| answer.take(event));
    }
}

/// An answer that goes out as it comes, piece by piece. Dropping it cancels the answer.
pub struct Stream<F> {
    running: Running,
    /// Taken before the response begins, so that what fails at once has its proper status.
    first: Option<Vec<Event>>,
    chunks: Chunks<F>,
}

impl<F: Form> Stream<F> {
    pub fn open(request: Request<F>, with_usage: bool) -> Result<Self, Failure> {
        let head = Head::new::<F>(&request.model);
        let (running, form) = Running::begin(request)?;
        let first = running.next()?;
        if first.is_empty() {
            return Err(Failure::Unavailable);
        }
        Ok(Self { running, first: Some(first), chunks: Chunks::new(head, form, with_usage) })
    }
}

impl<F: Form> Iterator for Stream<F> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.chunks.are_over() {
            return None;
        }
        let batch = self.first.take().map_or_else(|| self.running.next(), Ok);
        Some(match batch {
            Ok(batch) => self.chunks.write(batch),
            Err(failure) => self.chunks.fail(failure),
        })
    }
}

impl Running {
    /// Gives the request's form back, in which the answer is told.
    fn begin<F: Form>(request: Request<F>) -> Result<(Self, F), Failure> {
        let Request { model, asked, options, form, .. } = request;
        let running = match asked {
            Asked::Prompt(prompt) => Self::generate(models::choose(&model)?, &Input::Prompt(prompt), options),
            Asked::Messages(messages) => {
                Self::generate(models::choose_for_chat(&model)?, &Input::Chat(messages), options)
            }
            Asked::Tools(messages, toolbox) => {
                Self::with_tools(models::choose_for_chat(&model)?, &messages, &toolbox, options)
            }
            Asked::Turn { session, id, message } => {
                let model = without_adapter(models::choose_for_chat(&model)?)?;
                let options = options::of_turn(options, model)?;
                let turn = Turn { id: id.unwrap_or_else(uuid::fresh), session, message, options };
                turns::answer(&turn).map(Self::Turn).map_err(Failure::from)
            }
        };
        Ok((running.map_err(|failure| about(failure, F::ASKED))?, form))
    }

    fn generate(chosen: Chosen, input: &Input, options: Options) -> Result<Self, Failure> {
        let options = Options { adapter: chosen.adapter, ..options };
        Ok(Self::Generation(inference::generate(Some(&chosen.name), input, &options)?))
    }

    fn with_tools(
        chosen: Chosen,
        messages: &[ToolMessage],
        toolbox: &Toolbox,
        options: Options,
    ) -> Result<Self, Failure> {
        if !inference::calls_tools(Some(&chosen.name))? {
            let place = if tools::are_offered(toolbox) { "tools" } else { "messages" };
            return Err(no_tools(place, &chosen.name).into());
        }
        let options = Options { adapter: chosen.adapter, ..options };
        let model = Some(chosen.name.as_str());
        Ok(Self::WithTools(inference::generate_with_tools(model, messages, toolbox, &options)?))
    }

    /// The next events, at least one. None after the last.
    fn next(&self) -> Result<Vec<Event>, Failure> {
        Ok(match self {
            Self::Generation(generation) => generation.next(BATCH)?.into_iter().map(Event::from).collect(),
            Self::WithTools(generation) => generation.next(BATCH)?.into_iter().map(Event::from).collect(),
            Self::Turn(reply) => reply.next(BATCH)?.into_iter().map(Event::from).collect(),
        })
    }
}

/// Names the parameter that does not fit the model.
fn about(failure: Failure, place: &'static str) -> Failure {
    match failure {
        Failure::ContextOverflow { need, have } => Mistake::too_long(place, need, have).into(),
        other => other,
    }
}

/// Of a model that cannot be given tools, and what to do about it.
fn no_tools(place: &'static str, model: &str) -> Mistake {
    let reason = format!(
        "The chat template of the model '{}' has no place for tools, or its form of calls is not known here. Choose a \
         model that calls tools, or have the host give this one a template that does (inference.chat_template).",
        excerpt(model)
    );
    Mistake::unsupported(place, &reason)
}

/// The name of a model that a session's turn can be answered by.
fn without_adapter(chosen: Chosen) -> Result<String, Mistake> {
    match chosen.adapter {
        None => Ok(chosen.name),
        Some(adapter) => {
            let supported = format!("A session is answered by a model without adapter: '{}'.", chosen.name);
            Err(Mistake::unsupported_value("model", &adapter.into(), &supported))
        }
    }
}

impl Head {
    fn new<F: Form>(model: &str) -> Self {
        // A clock that stands before 1970 tells nothing.
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Self { id: format!("{}{}", F::ID, uuid::fresh()), created, model: model.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_answered_by_a_model_alone() {
        let chosen =
            |adapter: Option<&str>| Chosen { name: "small".to_owned(), adapter: adapter.map(str::to_owned) };
        assert_eq!(without_adapter(chosen(None)), Ok("small".to_owned()));
        let refused = without_adapter(chosen(Some("poet"))).unwrap_err();
        assert_eq!((refused.param.as_deref(), refused.code), (Some("model"), Some("unsupported_value")));
    }
}
