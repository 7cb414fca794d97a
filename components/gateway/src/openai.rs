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
///
/// Browsers' requests have to say so: without JSON's type, pages of other origins may send theirs unasked, to a model
/// that only its owner should use.
pub fn body(input: &Input) -> Result<Value, Failure> {
    let json = input.content_type.as_deref().is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
    if input.origin.is_some() && !json {
        return Err(Mistake::untyped().into());
    }
    json::parse(&input.body).map_err(|flaw| match flaw {
        Flaw::At { position, message } => Mistake::of_json(position, message).into(),
        Flaw::Unreadable => Failure::Unreadable,
    })
}
