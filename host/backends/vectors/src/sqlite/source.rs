//! A store's file of which something is moved elsewhere: as it is, of this version or of an earlier one.
//!
//! SQLite itself refuses to write to it. Beside it there may be the two files with which SQLite keeps readers and
//! writers apart.
//!
//! Not here: the statements (`export.rs`).

use super::{
    SCHEMA, export,
    rows::{self, Place},
    size,
};
use crate::{Error, Model, Page, Record};
use corral_store::deadline;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task;

/// How long SQLite waits for somebody who recovers the file.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Source {
    connection: Arc<Mutex<Connection>>,
    collection: i64,
}

impl Source {
    /// With the model that the collection is of.
    pub async fn open(path: &Path, collection: &str) -> Result<(Self, Model), Error> {
        let file = path.to_owned();
        let connection = apart(move || connect(&file).map_err(|cause| opening(&file, cause))).await?;
        let connection = Arc::new(Mutex::new(connection));
        let (file, name) = (path.to_owned(), collection.to_owned());
        let found = read(&connection, move |at| {
            if !is_there(at).map_err(|cause| opening(&file, cause))? {
                return Err(Error::NoCollection(name));
            }
            rows::named(at, &name)?.ok_or(Error::NoCollection(name))
        });
        let (collection, model) = found.await?;
        Ok((Self { connection, collection }, model))
    }

    pub async fn export(&self, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        let (collection, after, deadline) = (self.collection, export::after(cursor)?, deadline());
        read(&self.connection, move |at| export::page(at, collection, after, size(limit), deadline)).await
    }

    pub async fn records(&self, partition: &str, ids: Vec<String>) -> Result<Vec<Record>, Error> {
        let place = Place { collection: self.collection, partition: partition.to_owned() };
        read(&self.connection, move |at| export::records(at, &place, ids)).await
    }

    pub async fn total(&self) -> Result<u64, Error> {
        let collection = self.collection;
        read(&self.connection, move |at| export::total(at, collection)).await
    }
}

fn connect(path: &Path) -> Result<Connection, corral_store::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// Whether the file holds passages at all. Those of a later version are an error.
fn is_there(at: &Transaction<'_>) -> Result<bool, corral_store::Error> {
    let part = SCHEMA.part;
    let stored = at
        .query_row("SELECT version FROM schema_versions WHERE part = ?1", [part], |row| row.get::<_, u32>(0))
        .optional()?;
    let known = u32::try_from(SCHEMA.migrations.len()).unwrap_or(u32::MAX);
    match stored {
        Some(stored) if stored > known => Err(corral_store::Error::Newer { part, stored, known }),
        stored => Ok(stored.is_some()),
    }
}

fn opening(path: &Path, cause: corral_store::Error) -> Error {
    corral_store::Error::Opening { path: path.to_owned(), cause: Box::new(cause) }.into()
}

/// Runs `work` on one state of the file.
async fn read<T: Send + 'static>(
    connection: &Arc<Mutex<Connection>>,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let connection = Arc::clone(connection);
    apart(move || {
        let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection.transaction()?)
    })
    .await
}

async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    task::spawn_blocking(work).await.map_err(|error| Error::Unavailable(error.to_string()))?
}
