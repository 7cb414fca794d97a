//! Why a request is not answered as asked, named by what the client can do about it.
//!
//! Not here: status and words (`reply.rs`).

use crate::corral::chat::turns;
use crate::corral::host::{embedding, inference, sessions, vectors};
use crate::openai::Mistake;
use crate::validate::Problem;

#[derive(Debug)]
pub enum Failure {
    /// No such path.
    NotFound,
    MethodNotAllowed {
        allow: String,
    },
    /// The application has no token by which it would be offered.
    NotOffered,
    /// No token, or another one.
    Unauthorized,
    SessionNotFound,
    DocumentNotFound,
    /// The turn that was to be replaced is not the session's newest one.
    NotNewest {
        number: u32,
    },
    /// No such model, or none that can do what was asked. Named where the client named it to us.
    ModelNotFound {
        model: Option<String>,
    },
    /// The body breaks off, is no text, or is nested too deep.
    Unreadable,
    /// More than so many bytes.
    TooLarge {
        limit: u64,
    },
    /// Checked here, in FastAPI's dialect.
    Invalid(Vec<Problem>),
    /// Checked here, in OpenAI's dialect.
    Mistaken(Mistake),
    /// Checked by the host or the chat logic, in their words.
    Refused(String),
    /// The message does not fit the model, in tokens.
    ContextOverflow {
        need: u32,
        have: u32,
    },
    Overloaded {
        retry_after_ms: u32,
    },
    Deadline,
    Unavailable,
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::Mistaken(mistake)
    }
}

impl From<sessions::Error> for Failure {
    fn from(error: sessions::Error) -> Self {
        match error {
            // The only argument that we pass is an id, and no session has a malformed one.
            sessions::Error::NotFound | sessions::Error::InvalidArgument(_) => Self::SessionNotFound,
            sessions::Error::TooLarge(limit) => Self::TooLarge { limit },
            sessions::Error::Unavailable => Self::Unavailable,
        }
    }
}

impl From<vectors::Error> for Failure {
    fn from(error: vectors::Error) -> Self {
        match error {
            vectors::Error::InvalidArgument(reason) => Self::Refused(reason),
            vectors::Error::DimensionMismatch(_) | vectors::Error::Unavailable => Self::Unavailable,
        }
    }
}

impl From<embedding::Error> for Failure {
    fn from(error: embedding::Error) -> Self {
        match error {
            embedding::Error::Overloaded(retry_after_ms) => Self::Overloaded { retry_after_ms },
            embedding::Error::InvalidArgument(reason) => Self::Refused(reason),
            embedding::Error::Deadline => Self::Deadline,
            embedding::Error::Unavailable => Self::Unavailable,
        }
    }
}

impl From<inference::Error> for Failure {
    fn from(error: inference::Error) -> Self {
        match error {
            inference::Error::ContextOverflow(inference::Overflow { need, have }) => {
                Self::ContextOverflow { need, have }
            }
            inference::Error::Overloaded(retry_after_ms) => Self::Overloaded { retry_after_ms },
            inference::Error::InvalidArgument(reason) => Self::Refused(reason),
            inference::Error::Deadline => Self::Deadline,
            inference::Error::NoSuchModel => Self::ModelNotFound { model: None },
            inference::Error::Unavailable => Self::Unavailable,
        }
    }
}

impl From<turns::Error> for Failure {
    fn from(error: turns::Error) -> Self {
        match error {
            turns::Error::SessionNotFound => Self::SessionNotFound,
            turns::Error::NoSuchModel => Self::ModelNotFound { model: None },
            turns::Error::ContextOverflow(turns::Overflow { need, have }) => {
                Self::ContextOverflow { need, have }
            }
            turns::Error::Overloaded(retry_after_ms) => Self::Overloaded { retry_after_ms },
            turns::Error::InvalidArgument(reason) => Self::Refused(reason),
            turns::Error::Deadline => Self::Deadline,
            turns::Error::Unavailable => Self::Unavailable,
        }
    }
}
