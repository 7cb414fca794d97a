//! What Spin's interfaces stand on: key-value stores, SQLite databases, Redis servers.
//!
//! Not here: which component may open what, Spin's own types, and where the settings come from.

pub mod key_value;
pub mod redis;
pub mod sqlite;

use std::time::Duration;

/// How long one call to a server or a file may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that one answer may have: what a guest could not hold need not be read.
const MAX_ANSWER: usize = 64 << 20;
