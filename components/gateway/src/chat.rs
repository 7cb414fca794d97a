//! A turn of a conversation: asked of the chat logic, answered whole or as a stream of events.
//!
//! Not here: what the answer is (the chat component).

mod answer;
mod request;

use crate::corral::chat::turns;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::response::Piece;
use crate::sse::Events;
use answer::Answer;
pub use answer::{Done, Sources, Trimmed, finish_reason};
pub use request::Request;

/// Events taken at once.
const BATCH: u32 = 64;

/// Answers when the answer is complete.
pub fn answer(request: Request) -> Result<Reply, Failure> {
    let (turn, include) = request.into_turn()?;
    let reply = turns::answer(&turn)?;
    let mut answer = Answer::default();
    loop {
        let events = reply.next(BATCH)?;
        if events.is_empty() {
            return answer.body(include).map(|body| Reply::ok(&body));
        }
        events.into_iter().for_each(|event| answer.take(event));
    }
}

/// An answer that goes out as it comes, piece by piece. Dropping it cancels the answer.
pub struct Stream {
    reply: turns::Reply,
    /// Taken before the response begins, so that what fails at once has its proper status.
    first: Option<Vec<turns::Event>>,
    events: Events,
}

impl Stream {
    pub fn open(request: Request) -> Result<Self, Failure> {
        let (turn, _) = request.into_turn()?;
        let reply = turns::answer(&turn)?;
        let first = reply.next(BATCH)?;
        if first.is_empty() {
            return Err(Failure::Unavailable);
        }
        Ok(Self { reply, first: Some(first), events: Events::new() })
    }
}

impl Iterator for Stream {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.events.are_over() {
            return None;
        }
        let batch = self.first.take().map_or_else(|| self.reply.next(BATCH), Ok);
        Some(match batch {
            Ok(batch) => self.events.write(batch),
            Err(error) => self.events.fail(Failure::from(error)),
        })
    }
}
