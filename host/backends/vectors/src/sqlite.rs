//! The embedded store: passages and their embeddings in a SQLite file.
//!
//! Nearest means looked at every one: exact, and in a partition of a conversation's size faster than
//! an index would be to keep.
//!
//! Not here: threads, connections and time-outs (`corral-store`), the statements (`sqlite/rows.rs`,
//! `sqlite/export.rs`), a file that is only read (`sqlite/source.rs`), words (`sqlite/terms.rs`), the arithmetic (`direction.rs`, `sqlite/nearest.rs`).

mod export;
mod nearest;
mod rows;
mod source;
mod terms;

pub use source::Source;

use crate::{Entry, Error, Hit, Item, Model, Page, Passage, Record, direction::Direction};
use corral_store::{Database, Schema, deadline};
use rows::Place;
use std::path::Path;
use tokio::task;

const SCHEMA: Schema = Schema {
    part: "vectors",
    migrations: &[include_str!("sqlite/schema-1.sql"), include_str!("sqlite/schema-2.sql")],
};

#[derive(Clone)]
pub struct Store {
    database: Database,
    collection: i64,
}

impl Store {
    pub async fn open(path: &Path, collection: &str, model: Model) -> Result<Self, Error> {
        let (path, name) = (path.to_owned(), collection.to_owned());
        let opening = move || Database::open(&path, &SCHEMA, |at| rows::collection(at, &name, model));
        let opened = task::spawn_blocking(opening).await;
        let (database, collection) = opened.map_err(|error| Error::Unavailable(error.to_string()))??;
        terms::catch_up(&database).await?;
        Ok(Self { database, collection })
    }

    pub async fn upsert(&self, partition: &str, items: Vec<Item>) -> Result<(), Error> {
        let place = self.place(partition);
        self.database.write(deadline(), move |at| rows::upsert(at, &place, items)).await
    }

    pub async fn query(&self, partition: &str, embedding: &[f32], limit: u32) -> Result<Vec<Hit>, Error> {
        let (place, deadline) = (self.place(partition), deadline());
        let (question, limit) = (Direction::of(embedding), size(limit));
        self.database.read(deadline, move |at| rows::query(at, &place, &question, limit, deadline)).await
    }

    pub async fn list(
        &self,
        partition: &str,
        filter: Option<Entry>,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Passage>, Error> {
        let (place, deadline) = (self.place(partition), deadline());
        // No id is empty, so all of them come after this.
        let after = after.unwrap_or_default();
        let list = self
            .database
            .read(deadline, move |at| rows::list(at, &place, filter.as_ref(), &after, size(limit), deadline));
        list.await
    }

    pub async fn delete(&self, partition: &str, filter: Entry) -> Result<u32, Error> {
        let (place, deadline) = (self.place(partition), deadline());
        self.database.erase(deadline, move |at| rows::delete(at, &place, &filter, deadline)).await
    }

    pub async fn remove(&self, partition: &str, ids: Vec<String>) -> Result<u32, Error> {
        let place = self.place(partition);
        self.database.erase(deadline(), move |at| rows::remove(at, &place, &ids)).await
    }

    pub async fn delete_partition(&self, partition: &str) -> Result<u32, Error> {
        let place = self.place(partition);
        self.database.erase(deadline(), move |at| rows::delete_partition(at, &place)).await
    }

    pub async fn count(&self, partition: &str) -> Result<u32, Error> {
        let place = self.place(partition);
        self.database.read(deadline(), move |at| rows::count(at, &place)).await
    }

    pub async fn is_empty(&self, partition: &str) -> Result<bool, Error> {
        let place = self.place(partition);
        self.database.read(deadline(), move |at| rows::is_empty(at, &place)).await
    }

    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.database.ping().await?)
    }

    pub async fn export(&self, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        let (collection, deadline) = (self.collection, deadline());
        let after = export::after(cursor)?;
        self.database
            .read(deadline, move |at| export::page(at, collection, after, size(limit), deadline))
            .await
    }

    pub async fn records(&self, partition: &str, ids: Vec<String>) -> Result<Vec<Record>, Error> {
        let place = self.place(partition);
        self.database.read(deadline(), move |at| export::records(at, &place, ids)).await
    }

    pub async fn import(&self, mut records: Vec<Record>) -> Result<(), Error> {
        while !records.is_empty() {
            let rest = records.split_off(records.len().min(export::IMPORTED));
            let (collection, some) = (self.collection, records);
            self.database.write(deadline(), move |at| export::import(at, collection, some)).await?;
            records = rest;
        }
        Ok(())
    }

    pub async fn total(&self) -> Result<u64, Error> {
        let collection = self.collection;
        self.database.read(deadline(), move |at| export::total(at, collection)).await
    }

    fn place(&self, partition: &str) -> Place {
        Place { collection: self.collection, partition: partition.to_owned() }
    }
}

/// A limit that was bounded before; it fits.
fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl From<corral_store::Error> for Error {
    fn from(error: corral_store::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        corral_store::Error::from(error).into()
    }
}
