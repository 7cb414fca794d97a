//! The default chat logic: session, retrieval, prompt, generation, append.
//!
//! This file only ties the logic to the contract. The turn is told in `turn.rs` and `reply.rs`; what
//! it decides is in `condense.rs`, `budget.rs` and `prompt.rs`, which know no host at all.

mod bindings;
mod budget;
mod condense;
mod failure;
#[cfg(test)]
mod fake;
mod host;
mod prompt;
mod reply;
mod retrieval;
mod settings;
mod turn;

use bindings::exports::corral::chat::turns::{Error, Event, Guest, GuestReply, Reply, Turn};
use std::cell::RefCell;

struct Chat;

impl Guest for Chat {
    type Reply = Running;

    fn answer(turn: Turn) -> Result<Reply, Error> {
        let reply = turn::begin(host::Imports, turn)?;
        Ok(Reply::new(Running(RefCell::new(reply))))
    }
}

/// A reply as the contract wants it: a resource whose methods share it.
struct Running(RefCell<reply::Reply<host::Imports>>);

impl GuestReply for Running {
    fn next(&self, max: u32) -> Result<Vec<Event>, Error> {
        self.0.borrow_mut().next(max)
    }
}

/// The entry points by which a host calls `Chat`. A native linker cannot take their names.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "wit-bindgen writes them, and they cross the component's border")]
mod exported {
    use super::Chat;

    crate::bindings::export!(Chat with_types_in crate::bindings);
}
