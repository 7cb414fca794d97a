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

pub use moment::Moment;
pub use redis::{Settings, Store};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One finished exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What the person wrote.
    pub user: String,
    /// What was answered.
    pub ai: String,
}

/// A conversation as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// A UUID, version 4.
    pub id: String,
    /// RFC 3339, UTC, microseconds.
    pub created_at: String,
    /// When the last turn was appended or the metadata last changed; same form.
    pub last_updated: String,
    /// Oldest first; only the newest ones if `get` was given a bound.
    pub history: Vec<Turn>,
    /// How many turns are stored, whatever part of them `history` holds.
    pub turns: u32,
    /// What `set_metadata` stored; without the two timestamps.
    pub metadata: BTreeMap<String, String>,
}

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
