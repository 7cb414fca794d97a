//! Keeps conversations between turns: create, read, append, expire.
//!
//! Not here: what a turn means (the component decides), what other stores hold for a session (the
//! host forgets that when a session is deleted or expires), and how each store works (`sqlite.rs`,
//! `redis.rs`).

mod config;
mod limits;
mod moment;
mod outbox;
mod record;
mod redis;
mod sqlite;
mod store;

pub use config::{Backend, Config, Redis, Topology};
pub use record::{Page, Record};

use outbox::Outbox;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use store::Store;

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
    /// RFC 3339, UTC, microseconds: `2026-01-31T08:15:30.123456Z`. In a document that another program
    /// wrote, what stands there.
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
/// let sessions = Sessions::open(&Config::default(), &folder.path().join("corral.db")).await?;
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
    outbox: Arc<Outbox>,
}

impl Sessions {
    /// Opens the store that `config` names. For start-up: the embedded store's file is read here.
    ///
    /// `store` is the embedded store's file; it is made if it is missing, together with its folder,
    /// both for their owner only. A server that is down is no error: calls are [`Error::Unavailable`]
    /// until it is up. Settings that cannot work are [`Error::InvalidArgument`], naming the key.
    pub async fn open(config: &Config, store: &Path) -> Result<Self, Error> {
        let store = Store::open(config, store).await?;
        let outbox = Arc::new(Outbox::start(store.clone(), outbox::BOUNDS));
        Ok(Self { store, outbox })
    }

    /// Makes an empty session and gives its id.
    pub async fn create(&self) -> Result<String, Error> {
        self.store.create().await
    }

    /// The session with its newest `last` turns (none: all), or none if there is no such session.
    pub async fn get(&self, id: &str, last: Option<u32>) -> Result<Option<Session>, Error> {
        self.store.get(id, last).await
    }

    /// Appends one turn, both halves or neither, and gives how many turns the session has then.
    ///
    /// The same `turn_id` twice is one turn, and answers as the first call did.
    pub async fn append(&self, id: &str, turn: Turn, turn_id: &str) -> Result<u32, Error> {
        self.store.append(id, turn, turn_id).await
    }

    /// Leaves a turn to be appended in the background, as soon as the store takes it. False if too
    /// much waits already: 1,024 turns, or 64 MiB.
    ///
    /// It is tried at once, and again for ten minutes while the store is unavailable, the turns of a
    /// session in their order. The same `turn_id` twice is one turn. A turn that can never be appended
    /// is dropped, and so is all that waits when the program ends or every clone is dropped.
    pub fn append_later(&self, id: &str, turn: Turn, turn_id: &str) -> bool {
        self.outbox.push(id, turn, turn_id)
    }

    /// How many turns were left by [`append_later`](Self::append_later) and are not stored yet.
    pub fn waiting(&self) -> usize {
        self.outbox.waiting()
    }

    /// Sets one metadata value: a key of 1 to 128 bytes, a value of at most 4 KiB, at most 64 keys.
    ///
    /// `created_at` and `last_updated` are refused: the store keeps those.
    pub async fn set_metadata(&self, id: &str, key: &str, value: &str) -> Result<(), Error> {
        self.store.set_metadata(id, key, value).await
    }

    /// Deletes the session. False if there was none; after a lost connection maybe also if this call has
    /// deleted it.
    pub async fn delete(&self, id: &str) -> Result<bool, Error> {
        self.store.delete(id).await
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.store.ping().await
    }

    /// The ids of sessions past their time, the oldest first, at most 256. Changes nothing.
    ///
    /// They are told of again until [`purge`](Self::purge) was called for each. In between the caller
    /// deletes what else is held for them; if it dies there, the next call tells of the rest.
    pub async fn expired(&self) -> Result<Vec<String>, Error> {
        self.store.expired().await
    }

    /// Removes a session that has expired. One that lives stays, and an unknown one is no error.
    pub async fn purge(&self, id: &str) -> Result<(), Error> {
        self.store.purge(id).await
    }

    /// A page of the living sessions, from the beginning or from where the page before it ended.
    ///
    /// `limit` is how many records a page should have, at most 1,000; large ones make it end earlier,
    /// and a server may give a few more. Sessions that exist all the while are told of at least once;
    /// of ones made meanwhile nothing is promised. A `cursor` that is none is
    /// [`Error::InvalidArgument`].
    pub async fn export(&self, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        self.store.export(cursor, limit).await
    }

    /// The whole session, or none if there is no such session. Does not start its time to live anew.
    pub async fn record(&self, id: &str) -> Result<Option<Record>, Error> {
        self.store.record(id).await
    }

    /// Stores a session as it is, in place of the one of the same id.
    ///
    /// One that exceeds a limit of this store is [`Error::TooLarge`] or [`Error::InvalidArgument`], and
    /// nothing is changed.
    pub async fn import(&self, record: &Record) -> Result<(), Error> {
        self.store.import(record).await
    }
}
