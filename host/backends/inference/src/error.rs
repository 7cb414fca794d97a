//! Why the engine refused or ended a job, named by what the caller can do about it.

use std::time::Duration;

/// What went wrong with a job or with the engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The prompt leaves no room for one token of answer. Shorten it.
    #[error("the prompt has {need} tokens, and there is room for {have}")]
    ContextOverflow {
        /// Tokens of the prompt.
        need: u32,
        /// Tokens that a prompt may have.
        have: u32,
    },
    /// The queue is full. Come back later.
    #[error("the inference queue is full, retry in {retry_after:?}")]
    Overloaded {
        /// When a place is likely to be free.
        retry_after: Duration,
    },
    /// No model of that name is served here.
    #[error("no such model")]
    NoSuchModel,
    /// An argument or a setting breaks its documented form. Retrying will not help.
    #[error("{0}")]
    InvalidArgument(String),
    /// The job's deadline passed before its answer was complete.
    #[error("the deadline passed")]
    Deadline,
    /// The model is not loaded, failed or was stopped. Carries the cause, for the log.
    #[error("inference is not available: {0}")]
    Unavailable(String),
}
