//! Keeps conversations between turns: create, read, append, expire.
//!
//! Not here: what a turn means (the component decides), what other stores hold for a session (the
//! host forgets that when a session is deleted or expires), and how each store works (`sqlite.rs`).

mod limits;
mod sqlite;

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path, time::Duration};

/// The `[sessions]` part of the settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where sessions are kept.
    pub backend: Backend,
    /// Address of the server; the embedded store has none.
    pub url: Option<String>,
    /// How long a session lives after it was last read or written.
    #[serde(with = "humantime_serde")]
    pub expire_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { backend: Backend::Embedded, url: None, expire_after: Duration::from_secs(3600) }
    }
}

/// The kinds of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A SQLite file on this machine.
    Embedded,
}

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
    /// RFC 3339, UTC, microseconds: `2026-01-31T08:15:30.123456Z`.
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

/// The store of sessions. Clones share it.
///
/// A call waits at most five seconds, then it is [`Error::Unavailable`]. A write whose future is
/// dropped before it was committed does not happen.
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// use corral_sessions::{Config, Sessions, Turn};
///
/// let sessions = Sessions::open(&Config::default(), &folder.path().join("corral.db"))?;
/// let id = sessions.create().await?;
/// let turn = Turn { user: "Hello".into(), ai: "Hi there!".into() };
/// assert_eq!(sessions.append(&id, turn.clone(), "first").await?, 1);
/// // A retry is harmless.
/// assert_eq!(sessions.append(&id, turn.clone(), "first").await?, 1);
///
/// let session = sessions.get(&id, None).await?.ok_or("expired")?;
/// assert_eq!(session.history, [turn]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Sessions {
    store: Store,
}

#[derive(Clone)]
enum Store {
    Embedded(sqlite::Store),
}

impl Sessions {
    /// Opens the store that `config` names. Blocks: for start-up.
    ///
    /// `store` is the embedded store's file; it is made if it is missing, together with its folder,
    /// both for their owner only.
    pub fn open(config: &Config, store: &Path) -> Result<Self, Error> {
        limits::check_expire_after(config.expire_after)?;
        let store = match config.backend {
            Backend::Embedded => Store::Embedded(sqlite::Store::open(store, config.expire_after)?),
        };
        Ok(Self { store })
    }

    /// Makes an empty session and gives its id.
    pub async fn create(&self) -> Result<String, Error> {
        match &self.store {
            Store::Embedded(store) => store.create().await,
        }
    }

    /// The session with its newest `last` turns (none: all), or none if there is no such session.
    pub async fn get(&self, id: &str, last: Option<u32>) -> Result<Option<Session>, Error> {
        match &self.store {
            Store::Embedded(store) => store.get(id, last).await,
        }
    }

    /// Appends one turn, both halves or neither, and gives how many turns the session has then.
    ///
    /// The same `turn_id` twice is one turn, and answers as the first call did.
    pub async fn append(&self, id: &str, turn: Turn, turn_id: &str) -> Result<u32, Error> {
        limits::check_turn_id(turn_id)?;
        match &self.store {
            Store::Embedded(store) => store.append(id, turn, turn_id).await,
        }
    }

    /// Sets one metadata value: a key of 1 to 128 bytes, a value of at most 4 KiB, at most 64 keys.
    ///
    /// `created_at` and `last_updated` are refused: the store keeps those.
    pub async fn set_metadata(&self, id: &str, key: &str, value: &str) -> Result<(), Error> {
        limits::check_entry(key, value)?;
        match &self.store {
            Store::Embedded(store) => store.set_metadata(id, key, value).await,
        }
    }

    /// Deletes the session. False if there was none.
    pub async fn delete(&self, id: &str) -> Result<bool, Error> {
        match &self.store {
            Store::Embedded(store) => store.delete(id).await,
        }
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), Error> {
        match &self.store {
            Store::Embedded(store) => store.ping().await,
        }
    }

    /// The ids of sessions past their time, the oldest first, at most 256. Changes nothing.
    ///
    /// They are told of again until [`purge`](Self::purge) was called for each. In between the caller
    /// deletes what else is held for them; if it dies there, the next call tells of the rest.
    pub async fn expired(&self) -> Result<Vec<String>, Error> {
        match &self.store {
            Store::Embedded(store) => store.expired().await,
        }
    }

    /// Removes a session that has expired. One that lives stays, and an unknown one is no error.
    pub async fn purge(&self, id: &str) -> Result<(), Error> {
        match &self.store {
            Store::Embedded(store) => store.purge(id).await,
        }
    }
}
