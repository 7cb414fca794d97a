//! The stores behind one face: each call goes to the one that the settings name.
//!
//! Not here: the promises (`lib.rs`), how a store keeps them (`sqlite.rs`, `redis.rs`).

use crate::{Backend, Config, Error, Page, Record, Session, Turn, limits, redis, sqlite};
use std::path::Path;

#[derive(Clone)]
pub enum Store {
    Embedded(sqlite::Store),
    Redis(redis::Store),
}

/// The same call on whichever store it is.
macro_rules! on {
    ($store:expr, $inner:ident => $call:expr) => {
        match $store {
            Store::Embedded($inner) => $call,
            Store::Redis($inner) => $call,
        }
    };
}

impl Store {
    pub async fn open(config: &Config, store: &Path) -> Result<Self, Error> {
        limits::check_expire_after(config.expire_after)?;
        match config.backend {
            Backend::Embedded => Ok(Self::Embedded(sqlite::Store::open(store, config.expire_after)?)),
            Backend::Redis => Ok(Self::Redis(redis::Store::open(config).await?)),
        }
    }

    pub async fn create(&self) -> Result<String, Error> {
        on!(self, store => store.create().await)
    }

    pub async fn get(&self, id: &str, last: Option<u32>) -> Result<Option<Session>, Error> {
        on!(self, store => store.get(id, last).await)
    }

    /// With `replaces`, in place of the newest turn if that is its number.
    pub async fn append(
        &self,
        id: &str,
        turn: Turn,
        turn_id: &str,
        replaces: Option<u32>,
    ) -> Result<u32, Error> {
        limits::check_turn_id(turn_id)?;
        on!(self, store => store.append(id, turn, turn_id, replaces).await)
    }

    pub async fn set_metadata(&self, id: &str, key: &str, value: &str) -> Result<(), Error> {
        limits::check_entry(key, value)?;
        on!(self, store => store.set_metadata(id, key, value).await)
    }

    pub async fn delete(&self, id: &str) -> Result<bool, Error> {
        on!(self, store => store.delete(id).await)
    }

    pub async fn ping(&self) -> Result<(), Error> {
        on!(self, store => store.ping().await)
    }

    pub async fn expired(&self) -> Result<Vec<String>, Error> {
        on!(self, store => store.expired().await)
    }

    pub async fn purge(&self, id: &str) -> Result<(), Error> {
        on!(self, store => store.purge(id).await)
    }

    pub async fn export(&self, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        on!(self, store => store.export(cursor, limit).await)
    }

    pub async fn record(&self, id: &str) -> Result<Option<Record>, Error> {
        on!(self, store => store.record(id).await)
    }

    pub async fn import(&self, record: &Record) -> Result<(), Error> {
        on!(self, store => store.import(record).await)
    }
}
