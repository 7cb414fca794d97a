//! Why a server gave no answer, named by who may do better.

use std::{error, fmt::Write, time::Duration};

use crate::Error;

/// When to come back to a server that is full and does not say.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// Why a server gave no answer. What is in it is fit for the log: it quotes neither prompts nor
/// answers, save in `Refused`, which goes to the caller alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// The request is at fault; every server would say so.
    #[error(transparent)]
    Refused(Error),
    /// The prompt, or the prompt and the tokens asked for, are more than the context has.
    #[error("the prompt has {need} tokens, the context {context}")]
    Overflow { need: u32, context: u32 },
    /// The server has no place. Another may have one.
    #[error("the server has no place")]
    Busy { retry_after: Duration },
    /// The server has more to do than it does in that time, or hangs. Another may be quicker; this one would
    /// have the request behind all others.
    #[error("no {what} within {within:?}")]
    Late { what: &'static str, within: Duration },
    /// The server is not set up for this. Another may be.
    #[error("{0}")]
    Unfit(String),
    /// The server, or the way there, failed. Another may do better, or this one the next time.
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
            // Who comes back earlier finds the same queue.
            Failure::Late { within, .. } => Self::Overloaded { retry_after: within.max(SOON) },
            Failure::Unfit(cause) | Failure::Failed(cause) => Self::Unavailable(cause),
        }
    }
}

impl Failure {
    /// No connection, or one that broke.
    pub fn lost(error: reqwest::Error) -> Self {
        // The address would be in every message; the log has it beside.
        Self::Failed(causes(&error.without_url()))
    }

    /// JSON that is none, or not what was expected. serde's message would quote what it found.
    pub fn malformed(what: &str, bytes: usize, error: &serde_json::Error) -> Self {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        Self::Failed(format!(
            "{what} of {bytes} bytes is not the JSON that was expected ({kind:?} error in line {line}, \
             column {column})"
        ))
    }
}

fn causes(error: &dyn error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
