//! Keeps conversations between turns in the Redis that Spin reaches, just as a Corral host does: both can use one server.
//!
//! The document, its keys, the limits and the steps on the server are a host's own files
//! (`host/backends/sessions/src`), linked here.
//!
//! Not here: what a turn means (the component decides), and the connection (the platform).

#[allow(dead_code, reason = "a host's; what it needs for moving sessions is not needed here")]
mod limits;
mod moment;
mod redis;
mod session;

pub use moment::Moment;
pub use redis::{Settings, Store};
pub use session::{Session, Turn};

/// Why a call failed, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Never made, expired or deleted. Retrying will not help.
    #[error("no such session")]
    NotFound,
    /// What was to be stored exceeds a limit.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// An argument breaks its documented form; says which and how.
    #[error("{0}")]
    InvalidArgument(String),
    /// Worth one later retry. Carries the cause, for the log.
    #[error("the session store is unavailable: {0}")]
    Unavailable(String),
}
