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
mod session;
mod sqlite;
mod store;

pub use config::{Backend, Config, Redis, Topology};
pub use record::{Page, Record, Unread};
pub use session::{Session, Turn};

use futures_util::future::BoxFuture;
use outbox::Outbox;
use std::{path::Path, sync::Arc};
use store::Store;

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
/// Calls are boxed, so that the work behind them is compiled here, and not by each crate that waits for one.
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
    pub fn open<'a>(config: &'a Config, store: &'a Path) -> BoxFuture<'a, Result<Self, Error>> {
        Box::pin(async move {
            let store = Store::open(config, store).await?;
            let outbox = Arc::new(Outbox::start(store.clone(), outbox::BOUNDS));
            Ok(Self { store, outbox })
        })
    }

    /// Makes an empty session and gives its id.
    pub fn create(&self) -> BoxFuture<'_, Result<String, Error>> {
        Box::pin(self.store.create())
    }

    /// The session with its newest `last` turns (none: all), or none if there is no such session.
    pub fn get<'a>(
        &'a self,
        id: &'a str,
        last: Option<u32>,
    ) -> BoxFuture<'a, Result<Option<Session>, Error>> {
        Box::pin(self.store.get(id, last))
    }

    /// Appends one turn, both halves or neither, and gives how many turns the session has then.
    ///
    /// The same `turn_id` twice is one turn, and answers as the first call did.
    pub fn append<'a>(
        &'a self,
        id: &'a str,
        turn: Turn,
        turn_id: &'a str,
    ) -> BoxFuture<'a, Result<u32, Error>> {
        Box::pin(self.store.append(id, turn, turn_id, None))
    }

    /// Puts one turn in place of the newest one if `number` is the number of that one, counted from 1, and otherwise
    /// appends it. Else as [`append`](Self::append).
    pub fn replace<'a>(
        &'a self,
        id: &'a str,
        turn: Turn,
        turn_id: &'a str,
        number: u32,
    ) -> BoxFuture<'a, Result<u32, Error>> {
        Box::pin(self.store.append(id, turn, turn_id, Some(number)))
    }

    /// Leaves a turn to be appended in the background, or to replace the one of this number, as soon as the store
    /// takes it. False if too much waits already: 1,024 turns, or 64 MiB.
    ///
    /// It is tried at once, and again for ten minutes while the store is unavailable, the turns of a
    /// session in their order. The same `turn_id` twice is one turn. A turn that can never be appended
    /// is dropped, and so is all that waits when the program ends or every clone is dropped.
    pub fn append_later(&self, id: &str, turn: Turn, turn_id: &str, replaces: Option<u32>) -> bool {
        self.outbox.push(id, turn, turn_id, replaces)
    }

    /// How many turns were left by [`append_later`](Self::append_later) and are not stored yet.
    pub fn waiting(&self) -> usize {
        self.outbox.waiting()
    }

    /// Sets one metadata value: a key of 1 to 128 bytes, a value of at most 4 KiB, at most 64 keys.
    ///
    /// `created_at` and `last_updated` are refused: the store keeps those.
    pub fn set_metadata<'a>(
        &'a self,
        id: &'a str,
        key: &'a str,
        value: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.store.set_metadata(id, key, value))
    }

    /// Deletes the session. False if there was none; after a lost connection maybe also if this call has
    /// deleted it.
    pub fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.store.delete(id))
    }

    /// Whether the store answers.
    pub fn ping(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.store.ping())
    }

    /// The ids of sessions past their time, the oldest first, at most 256. Changes nothing.
    ///
    /// They are told of again until [`purge`](Self::purge) was called for each. In between the caller
    /// deletes what else is held for them; if it dies there, the next call tells of the rest.
    pub fn expired(&self) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        Box::pin(self.store.expired())
    }

    /// Removes a session that has expired. One that lives stays, and an unknown one is no error.
    pub fn purge<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.store.purge(id))
    }

    /// A page of the living sessions, from the beginning or from where the page before it ended.
    ///
    /// `limit` is how many records a page should have, at most 1,000; large ones make it end earlier,
    /// and a server may give a few more. Sessions that exist all the while are told of at least once;
    /// of ones made meanwhile nothing is promised. What cannot be read holds up nothing: see
    /// [`Page::unread`]. A `cursor` that is none is [`Error::InvalidArgument`].
    pub fn export<'a>(&'a self, cursor: Option<&'a str>, limit: u32) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(self.store.export(cursor, limit))
    }

    /// The whole session, or none if there is no such session. Does not start its time to live anew.
    pub fn record<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        Box::pin(self.store.record(id))
    }

    /// Stores a session as it is, in place of the one of the same id.
    ///
    /// One that exceeds a limit of this store is [`Error::TooLarge`] or [`Error::InvalidArgument`], and
    /// nothing is changed.
    pub fn import<'a>(&'a self, record: &'a Record) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.store.import(record))
    }
}
