//! OpenAI's interface: models, completions and embeddings, for programs that speak it already.
//!
//! Not here: statuses and the form of errors (`reply/openai.rs`).

pub mod completions;
pub mod embeddings;
pub mod field;
mod mistake;
pub mod models;

use serde_json::Value;

use crate::failure::Failure;
use crate::json::{self, Flaw};
use crate::request::Input;
pub use mistake::{Mistake, excerpt};

/// The body, whatever type its headers claim: there is only one that it could have.
pub fn body(input: &Input) -> Result<Value, Failure> {
    json::parse(&input.body).map_err(|flaw| match flaw {
        Flaw::At { position, message } => Mistake::of_json(position, message).into(),
        Flaw::Unreadable => Failure::Unreadable,
    })
}
