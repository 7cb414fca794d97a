//! Why there is no answer, by what the caller can do about it.

use std::time::Duration;

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// As many calls as may wait do so.
    #[error("the embedding queue is full")]
    Overloaded {
        /// When a retry is reasonable.
        retry_after: Duration,
    },
    /// The call itself is wrong.
    #[error("{0}")]
    InvalidArgument(String),
    /// The deadline passed; what was left of the work is dropped.
    #[error("the deadline passed before the texts were embedded")]
    Deadline,
    /// The model failed or its thread ended. Retrying will hardly help.
    #[error("the embedding model does not work: {0}")]
    Unavailable(String),
    /// The model could not be loaded. Says what is missing and what to do.
    #[error("{0}")]
    Load(String),
}
