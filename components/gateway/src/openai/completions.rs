//! Chat completions: an answer to a conversation that the client keeps, or a turn of a session that the
//! server keeps; whole, or in chunks as it comes.
//!
//! Not here: what is right in a request (`request.rs` and those beside it), how an answer reads
//! (`answer.rs`, `chunks.rs`).

mod answer;
mod chunks;
mod event;
mod format;
mod logprobs;
mod messages;
mod options;
mod owner;
mod request;
mod session;
mod unsupported;

use std::time::{SystemTime, UNIX_EPOCH};

use super::models::{self, Chosen};
use crate::corral::chat::turns::{self, Turn};
use crate::corral::host::inference::{self, Input, Options};
use crate::failure::Failure;
use crate::openai::Mistake;
use crate::reply::Reply;
use crate::uuid;
use answer::{Answer, Head};
use chunks::Chunks;
use event::Event;
use request::Asked;
pub use request::{Delivery, Request};

/// Events taken at once.
const BATCH: u32 = 64;

/// An answer under way. Dropping it cancels it.
enum Running {
    Generation(inference::Generation),
    Turn(turns::Reply),
}

/// Answers when the answer is complete.
pub fn answer(request: Request) -> Result<Reply, Failure> {
    let mut answer = Answer::new(Head::new(&request.model), request.options.log_probabilities.is_some());
    let running = Running::begin(request)?;
    loop {
        let events = running.next()?;
        if events.is_empty() {
            return answer.body().map(|body| Reply::ok(&body));
        }
        events.into_iter().for_each(|event| answer.take(event));
    }
}

/// An answer that goes out as it comes, piece by piece. Dropping it cancels the answer.
pub struct Stream {
    running: Running,
    /// Taken before the response begins, so that what fails at once has its proper status.
    first: Option<Vec<Event>>,
    chunks: Chunks,
}

impl Stream {
    pub fn open(request: Request, with_usage: bool) -> Result<Self, Failure> {
        let head = Head::new(&request.model);
        let running = Running::begin(request)?;
        let first = running.next()?;
        if first.is_empty() {
            return Err(Failure::Unavailable);
        }
        Ok(Self { running, first: Some(first), chunks: Chunks::new(head, with_usage) })
    }
}

impl Iterator for Stream {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
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
    fn begin(request: Request) -> Result<Self, Failure> {
        let chosen = models::choose(&request.model)?;
        match request.asked {
            Asked::Messages(messages) => {
                let options = Options { adapter: chosen.adapter, ..request.options };
                let input = Input::Chat(messages);
                Ok(Self::Generation(inference::generate(Some(&chosen.name), &input, &options)?))
            }
            Asked::Turn { session, id, message } => {
                let options = options::of_turn(request.options, without_adapter(chosen)?)?;
                let turn = Turn { id: id.unwrap_or_else(uuid::fresh), session, message, options };
                Ok(Self::Turn(turns::answer(&turn)?))
            }
        }
    }

    /// The next events, at least one. None after the last.
    fn next(&self) -> Result<Vec<Event>, Failure> {
        Ok(match self {
            Self::Generation(generation) => generation.next(BATCH)?.into_iter().map(Event::from).collect(),
            Self::Turn(reply) => reply.next(BATCH)?.into_iter().map(Event::from).collect(),
        })
    }
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
    fn new(model: &str) -> Self {
        // A clock that stands before 1970 tells nothing.
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Self { id: format!("chatcmpl-{}", uuid::fresh()), created, model: model.to_owned() }
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
