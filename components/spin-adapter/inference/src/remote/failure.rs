//! Why a server gave no answer.

use crate::Error;
use corral_spin_platform::http::Lost;
use std::time::Duration;

/// When to come back to a server that is full and does not say.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// Why a server gave no answer. What is in it is fit for the log: it quotes neither prompts nor answers, save in
/// `Refused`, which goes to the caller alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The request is at fault.
    #[error(transparent)]
    Refused(Error),
    /// The prompt, or the prompt and the tokens asked for, are more than the context has.
    #[error("the prompt has {need} tokens, the context {context}")]
    Overflow { need: u32, context: u32 },
    /// The server has no place.
    #[error("the server has no place")]
    Busy { retry_after: Duration },
    /// The server is not set up for this.
    #[error("{0}")]
    Unfit(String),
    /// The server, or the way there, failed.
    #[error("{0}")]
    Failed(String),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            Failure::Overflow { need, context } => {
                Self::ContextOverflow { need, have: context.saturating_sub(1) }
            }
            Failure::Busy { retry_after } => Self::Overloaded { retry_after },
            Failure::Unfit(cause) | Failure::Failed(cause) => Self::Unavailable(cause),
        }
    }
}

impl From<Lost> for Failure {
    fn from(lost: Lost) -> Self {
        Self::Failed(lost.to_string())
    }
}

impl Failure {
    /// JSON that is none, or not what was expected. serde's message would quote what it found.
    pub fn malformed(what: &str, bytes: usize, error: &serde_json::Error) -> Self {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        Self::Failed(format!(
            "{what} of {bytes} bytes is not the JSON that was expected ({kind:?} error in line {line}, \
             column {column})"
        ))
    }
}
