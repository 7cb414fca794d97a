//! Key-value stores: a table in a SQLite file, or a Redis server.
//!
//! Both keep Spin's own layout, so that what an application has stored under Spin is there under Corral and the other
//! way round.

mod file;
mod server;

use std::{path::Path, sync::Arc};

/// A set of stores, told apart by their labels where the place holds several.
#[derive(Clone)]
pub enum Place {
    /// A SQLite file: any number of stores.
    File(file::File),
    /// A Redis server: one store, all of its keys.
    Redis(Arc<server::Server>),
}

/// One store.
#[derive(Clone)]
pub struct Store {
    place: Place,
    label: String,
}

/// Why a call has failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written.
    #[error("the key-value store's file: {0}")]
    File(#[from] corral_store::Error),
    /// The server has not done it.
    #[error("the key-value store's server: {0}")]
    Server(#[from] crate::redis::Error),
    /// The value is not a whole number, so it cannot be counted up.
    #[error("the value of \"{0}\" is not a 64-bit number")]
    NotANumber(String),
    /// More than is given at once.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::File(error.into())
    }
}

impl Place {
    /// A SQLite file, made if it is not there. Blocks.
    ///
    /// # Errors
    /// When it cannot be made, or is no such file.
    pub fn file(path: &Path) -> Result<Self, Error> {
        file::File::open(path).map(Self::File)
    }

    /// A Redis server by its address, as in `redis://127.0.0.1:6379`. It is connected to when it is needed.
    ///
    /// # Errors
    /// When the address is none.
    pub fn redis(address: &str) -> Result<Self, Error> {
        Ok(Self::Redis(Arc::new(server::Server::new(address)?)))
    }

    /// The store of a label.
    #[must_use]
    pub fn store(&self, label: &str) -> Store {
        Store { place: self.clone(), label: label.to_owned() }
    }
}

impl Store {
    /// The value of a key.
    ///
    /// # Errors
    /// As the place says.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.get_many(vec![key.to_owned()]).await?.pop().and_then(|(_, value)| value))
    }

    /// The values of keys, in their order.
    ///
    /// # Errors
    /// As the place says.
    pub async fn get_many(&self, keys: Vec<String>) -> Result<Vec<(String, Option<Vec<u8>>)>, Error> {
        match &self.place {
            Place::File(file) => file.get(&self.label, keys).await,
            Place::Redis(server) => server.get(keys).await,
        }
    }

    /// Sets the values of keys, all of them or none.
    ///
    /// # Errors
    /// As the place says.
    pub async fn set(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        match &self.place {
            Place::File(file) => file.set(&self.label, entries).await,
            Place::Redis(server) => server.set(entries).await,
        }
    }

    /// Deletes keys. Those that are not there are no error.
    ///
    /// # Errors
    /// As the place says.
    pub async fn delete(&self, keys: Vec<String>) -> Result<(), Error> {
        match &self.place {
            Place::File(file) => file.delete(&self.label, keys).await,
            Place::Redis(server) => server.delete(keys).await,
        }
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// As the place says.
    pub async fn exists(&self, key: &str) -> Result<bool, Error> {
        match &self.place {
            Place::File(file) => file.exists(&self.label, key).await,
            Place::Redis(server) => server.exists(key).await,
        }
    }

    /// All keys, in no order.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than 64 MiB of them; else as the place says.
    pub async fn keys(&self) -> Result<Vec<String>, Error> {
        match &self.place {
            Place::File(file) => file.keys(&self.label).await,
            Place::Redis(server) => server.keys().await,
        }
    }

    /// Adds to a number, which begins at 0, and gives the sum. Others may do the same at once.
    ///
    /// # Errors
    /// [`Error::NotANumber`] if it holds something else; else as the place says.
    pub async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        match &self.place {
            Place::File(file) => file.increment(&self.label, key, delta).await,
            Place::Redis(server) => server.increment(key, delta).await,
        }
    }

    /// Sets a key if it is still what it was. What it is, if it is not.
    ///
    /// # Errors
    /// As the place says.
    pub async fn swap(
        &self,
        key: &str,
        was: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Result<(), Option<Vec<u8>>>, Error> {
        match &self.place {
            Place::File(file) => file.swap(&self.label, key, was, value).await,
            Place::Redis(server) => server.swap(key, was, value).await,
        }
    }
}
