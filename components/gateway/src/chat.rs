//! A turn of a conversation: asked of the chat logic, answered whole or as a stream of events.
//!
//! Not here: what the answer is (the chat component).

mod answer;
mod request;

use crate::corral::chat::turns;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::response;
use crate::sse::Events;
use crate::wasi::http::types::ResponseOutparam;
use answer::Answer;
pub use answer::{Done, Sources, Trimmed};
pub use request::Request;

/// Events taken at once.
const BATCH: u32 = 64;

/// Answers when the answer is complete.
pub fn answer(request: Request) -> Result<Reply, Failure> {
    let (turn, include) = request.into_turn();
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

/// An answer that goes out as it comes.
pub struct Stream {
    reply: turns::Reply,
    /// Taken before the response begins, so that what fails at once has its proper status.
    first: Vec<turns::Event>,
}

impl Stream {
    pub fn open(request: Request) -> Result<Self, Failure> {
        let (turn, _) = request.into_turn();
        let reply = turns::answer(&turn)?;
        let first = reply.next(BATCH)?;
        if first.is_empty() {
            return Err(Failure::Unavailable);
        }
        Ok(Self { reply, first })
    }

    /// Returns when the answer is complete or the client has left; the latter cancels the answer.
    pub fn send(self, out: ResponseOutparam) {
        let Some(mut open) = response::open(out, 200, Events::headers()) else { return };
        let mut events = Events::new();
        let mut batch = Ok(self.first);
        while !events.are_over() {
            let bytes = match batch {
                Ok(batch) => events.write(batch),
                Err(error) => events.fail(Failure::from(error)),
            };
            if open.write(&bytes).is_err() {
                return;
            }
            batch = if events.are_over() { Ok(Vec::new()) } else { self.reply.next(BATCH) };
        }
        open.finish();
    }
}
