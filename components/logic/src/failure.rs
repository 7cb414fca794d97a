//! What each host error means for the person who asked, cause by cause.
//!
//! What only the operator can mend becomes `unavailable`, with a line in the host's log.

use crate::bindings::corral::host::{embedding, inference, sessions, vectors};
use crate::bindings::exports::corral::chat::turns::Error;

/// Writes one line to the host's log. Never anything that a person typed.
#[expect(clippy::print_stderr, reason = "a component's standard error is the host's log")]
pub fn log(line: &str) {
    eprintln!("{line}");
}

/// Says in the log why, and to the person only that it does not work now.
pub fn unavailable(cause: &str) -> Error {
    log(cause);
    Error::Unavailable
}

impl From<sessions::Error> for Error {
    fn from(error: sessions::Error) -> Self {
        match error {
            sessions::Error::NotFound => Self::SessionNotFound,
            sessions::Error::TooLarge(limit) => unavailable(&format!("session is above {limit} bytes")),
            sessions::Error::InvalidArgument(what) => Self::InvalidArgument(what),
            sessions::Error::Unavailable => unavailable("session store is unavailable"),
        }
    }
}

impl From<vectors::Error> for Error {
    fn from(error: vectors::Error) -> Self {
        match error {
            vectors::Error::DimensionMismatch((given, stored)) => unavailable(&format!(
                "the embedding model gives {given} dimensions, the stored passages have {stored}: store \
                 them again"
            )),
            vectors::Error::InvalidArgument(what) => {
                unavailable(&format!("the vector store refused the query: {what}"))
            }
            vectors::Error::Unavailable => unavailable("vector store is unavailable"),
        }
    }
}

impl From<embedding::Error> for Error {
    fn from(error: embedding::Error) -> Self {
        match error {
            embedding::Error::Overloaded(milliseconds) => Self::Overloaded(milliseconds),
            embedding::Error::InvalidArgument(what) => Self::InvalidArgument(what),
            embedding::Error::Deadline => Self::Deadline,
            embedding::Error::Unavailable => unavailable("embedding model is unavailable"),
        }
    }
}

impl From<inference::Error> for Error {
    fn from(error: inference::Error) -> Self {
        match error {
            inference::Error::ContextOverflow(overflow) => Self::ContextOverflow(overflow),
            inference::Error::Overloaded(milliseconds) => Self::Overloaded(milliseconds),
            // Where a turn names the model, `conversation.rs` asks for it first and tells it apart.
            inference::Error::NoSuchModel => unavailable("config key model names no model of this host"),
            // Only what the person chose can be wrong: sampling options and stop strings.
            inference::Error::InvalidArgument(what) => Self::InvalidArgument(what),
            inference::Error::Deadline => Self::Deadline,
            inference::Error::Unavailable => unavailable("language model is unavailable"),
        }
    }
}
