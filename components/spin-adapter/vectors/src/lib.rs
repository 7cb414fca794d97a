//! Keeps passages with their embeddings on ChromaDB, just as a Corral host does: both can use one server.
//!
//! Collection, records, ids, words and limits are a host's own files (`host/backends/vectors/src`), linked here.
//!
//! Not here: what makes an embedding, and how a request is sent (the platform).

mod chroma;
#[allow(dead_code, reason = "a host's; its embedded store has further uses for it")]
mod direction;
#[allow(dead_code, reason = "a host's")]
mod error;
mod fusion;
#[allow(dead_code, unused_imports, reason = "a host's; its embedded store keeps counts in a table")]
mod lexical;
#[allow(dead_code, reason = "a host's; what moving records needs is not needed here")]
mod limits;
#[allow(dead_code, reason = "a host's; what moving records needs is not needed here")]
mod record;

pub use chroma::Settings;
pub use error::Error;
pub use record::{Entry, Hit, Item, Match, Model, Page, Passage, Record};

use corral_spin_platform::http::Http;
use std::sync::Arc;

/// The store of passages.
///
/// A call waits at most five seconds, then it is [`Error::Unavailable`].
pub struct Vectors {
    dimensions: u32,
    store: chroma::Store,
    runtime: tokio::runtime::Runtime,
}

impl Vectors {
    /// Asks nobody yet. Settings that cannot work are [`Error::InvalidArgument`].
    pub fn new(http: Arc<dyn Http>, settings: &Settings, model: Model) -> Result<Self, Error> {
        limits::check_collection(&settings.collection)?;
        // It only runs what is there; nothing waits on it, because requests wait themselves.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| Error::Unavailable(format!("starting: {error}")))?;
        Ok(Self { dimensions: model.dimensions, store: chroma::Store::new(http, settings, model)?, runtime })
    }

    /// Stores items: at most 1,000 a call, each id once. They are sent in requests of bounded size, each all or nothing.
    pub fn upsert(&self, partition: &str, items: Vec<Item>) -> Result<(), Error> {
        limits::check_partition(partition)?;
        limits::check_items(&items, self.dimensions)?;
        self.runtime.block_on(self.store.upsert(partition, items))
    }

    /// Up to `limit` passages, nearest first. A `limit` above 100 counts as 100.
    pub fn query(&self, partition: &str, embedding: &[f32], limit: u32) -> Result<Vec<Hit>, Error> {
        limits::check_partition(partition)?;
        limits::check_embedding(embedding, self.dimensions)?;
        self.runtime.block_on(self.store.query(partition, embedding, limit.min(limits::HITS)))
    }

    /// Up to `limit` passages, best first, by reciprocal rank fusion of the nearest ones and of those that score highest
    /// for the words. A `limit` above 100 counts as 100.
    pub fn search(
        &self,
        partition: &str,
        embedding: &[f32],
        words: &str,
        limit: u32,
    ) -> Result<Vec<Match>, Error> {
        limits::check_partition(partition)?;
        limits::check_embedding(embedding, self.dimensions)?;
        limits::check_words(words)?;
        self.runtime.block_on(self.store.search(partition, embedding, words, limit.min(limits::HITS)))
    }

    /// Passages by id, ascending, after the id `after`; with a `filter`, only those whose metadata has just this value.
    /// A `limit` above 1,000 counts as 1,000. Empty means there are no more.
    pub fn list(
        &self,
        partition: &str,
        filter: Option<&Entry>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Passage>, Error> {
        limits::check_partition(partition)?;
        filter.map_or(Ok(()), limits::check_entry)?;
        let after = after.unwrap_or_default();
        self.runtime.block_on(self.store.list(partition, filter, after, limit.min(limits::LISTED)))
    }

    /// Deletes the passages whose metadata has just this value, and gives how many there were.
    pub fn delete(&self, partition: &str, filter: &Entry) -> Result<u32, Error> {
        limits::check_partition(partition)?;
        limits::check_entry(filter)?;
        self.runtime.block_on(self.store.delete(partition, filter))
    }

    /// Deletes the passages with these ids, at most 1,000 a call, and gives how many there were.
    pub fn remove(&self, partition: &str, ids: &[String]) -> Result<u32, Error> {
        limits::check_partition(partition)?;
        limits::check_ids(ids)?;
        self.runtime.block_on(self.store.remove(partition, ids))
    }

    /// Deletes everything in the partition, and gives how many passages there were.
    pub fn delete_partition(&self, partition: &str) -> Result<u32, Error> {
        limits::check_partition(partition)?;
        self.runtime.block_on(self.store.delete_partition(partition))
    }

    /// How many passages the partition holds.
    pub fn count(&self, partition: &str) -> Result<u32, Error> {
        limits::check_partition(partition)?;
        self.runtime.block_on(self.store.count(partition))
    }

    /// Whether the partition holds nothing; as quick in a large one as in a small one.
    pub fn is_empty(&self, partition: &str) -> Result<bool, Error> {
        limits::check_partition(partition)?;
        self.runtime.block_on(self.store.is_empty(partition))
    }
}

#[cfg(test)]
mod tests;
