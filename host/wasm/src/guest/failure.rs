//! Why a guest gave no answer, named by what the caller can do.

use super::State;
use std::time::Duration;
use wasmtime::Trap;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

/// Why there is no answer from the guest.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Every instance is taken. Worth a later retry.
    #[error("every instance is taken")]
    Overloaded {
        /// When a retry is reasonable.
        retry_after: Duration,
    },
    /// The request's time is over.
    #[error("the request's deadline passed")]
    DeadlinePassed,
    /// The guest computed longer than it may.
    #[error("the component used up its processor time")]
    CpuExceeded,
    /// The guest wanted more memory than it may have.
    #[error("the component wanted more memory than its limit")]
    OutOfMemory,
    /// The guest trapped or was not instantiable: a bug.
    #[error("the component failed")]
    Trapped(#[source] anyhow::Error),
    /// The guest ended without an answer: a bug.
    #[error("the component ended without an answer")]
    NoResponse,
    /// The application has no component that answers this.
    #[error("no component answers this")]
    NotFound,
    /// Another generation has taken over, and the time to finish is over. Worth a retry.
    #[error("another generation took over, and the time to finish is over")]
    Retired,
    /// The guest answered with an error of `wasi:http`.
    #[error("the component answered with the error {0:?}")]
    Refused(ErrorCode),
}

impl Failure {
    /// A fixed word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Overloaded { .. } => "overloaded",
            Self::DeadlinePassed => "deadline",
            Self::CpuExceeded => "cpu",
            Self::OutOfMemory => "memory",
            Self::Trapped(_) => "trap",
            Self::NoResponse => "no_response",
            Self::NotFound => "not_found",
            Self::Retired => "retired",
            Self::Refused(_) => "refused",
        }
    }

    /// What made the guest's call fail.
    pub(super) fn of(error: wasmtime::Error, state: &State) -> Self {
        if state.memory.exceeded() {
            return Self::OutOfMemory;
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::CpuExceeded,
            _ => Self::Trapped(error.into()),
        }
    }

    /// For failures that nobody waits for: the head of the answer may be out already.
    pub(super) fn log(&self) {
        match self {
            Self::Trapped(cause) => {
                tracing::error!(failure = self.kind(), cause = format!("{cause:#}"), "component failed")
            }
            Self::Retired => tracing::warn!(failure = self.kind(), "ended with its generation"),
            _ => tracing::error!(failure = self.kind(), "component failed"),
        }
    }
}
