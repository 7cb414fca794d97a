//! Keeps passages of text with their embeddings, in partitions, and finds the nearest ones and those
//! that have a question's words.
//!
//! Not here: what a partition is (for chat: the session), what makes an embedding, how texts become
//! passages, and how each store works (`sqlite.rs`, `chroma.rs`).

mod chroma;
mod config;
mod direction;
mod error;
mod fusion;
mod lexical;
mod limits;
mod record;
mod source;
mod sqlite;

pub use config::{Backend, Chroma, Config};
pub use error::Error;
pub use record::{Entry, Hit, Item, Match, Model, Page, Passage, Record};
pub use source::Source;

use futures_util::future::BoxFuture;
use std::path::Path;

/// The store of passages. Clones share it.
///
/// A partition is named by 1 to 256 bytes; it exists while it holds passages, and an unknown one is
/// empty. A call waits at most five seconds, then it is [`Error::Unavailable`]. In the embedded store a
/// write whose future is dropped before it was committed does not happen; what was sent to a server may.
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// use corral_vectors::{Config, Item, Model, Vectors};
///
/// let model = Model { name: "compass".into(), dimensions: 2 };
/// let vectors = Vectors::open(&Config::default(), &folder.path().join("corral.db"), model).await?;
/// let item = |id: &str, embedding| Item { id: id.into(), text: String::new(), embedding, metadata: vec![] };
/// vectors.upsert("session", vec![item("east", vec![1.0, 0.0]), item("north", vec![0.0, 1.0])]).await?;
///
/// let hits = vectors.query("session", vec![0.1, 3.0], 1).await?;
/// assert_eq!(hits[0].passage.id, "north");
/// # Ok(()) }
/// ```
///
/// Calls are boxed, so that the work behind them is compiled here, and not by each crate that waits for one.
#[derive(Clone)]
pub struct Vectors {
    dimensions: u32,
    store: Store,
}

#[derive(Clone)]
enum Store {
    Embedded(sqlite::Store),
    Chroma(chroma::Store),
}

/// Calls the same method of whichever store it is.
macro_rules! on {
    ($vectors:ident.$method:ident($($argument:expr),*)) => {
        match &$vectors.store {
            Store::Embedded(store) => store.$method($($argument),*).await,
            Store::Chroma(store) => store.$method($($argument),*).await,
        }
    };
}

impl Vectors {
    /// Opens the store that `config` names, for embeddings of `model`.
    ///
    /// `store` is the embedded store's file; it is made if it is missing, together with its folder,
    /// both for their owner only. A server that is down is no error: calls are
    /// [`Error::Unavailable`] until it is up.
    pub fn open<'a>(config: &'a Config, store: &'a Path, model: Model) -> BoxFuture<'a, Result<Self, Error>> {
        Box::pin(async move {
            limits::check_collection(&config.collection)?;
            let dimensions = model.dimensions;
            let store = match config.backend {
                Backend::Embedded => {
                    Store::Embedded(sqlite::Store::open(store, &config.collection, model).await?)
                }
                Backend::Chroma => Store::Chroma(chroma::Store::open(config, model).await?),
            };
            Ok(Self { dimensions, store })
        })
    }

    /// Whether the server that `config` names is there, without making anything on it. No server is needed where the
    /// store is a file.
    ///
    /// # Errors
    /// Those of [`Self::open`], and [`Error::Unavailable`].
    pub fn heartbeat(config: &Config) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            match config.backend {
                Backend::Embedded => Ok(()),
                Backend::Chroma => chroma::Store::heartbeat(config).await,
            }
        })
    }

    /// Stores items; all of one call or none. At most 1,000 a call, each id once.
    ///
    /// ChromaDB takes them in requests of `vectors.chroma.batch`: if one fails, those before it are
    /// stored, and the same call again stores the rest.
    pub fn upsert<'a>(&'a self, partition: &'a str, items: Vec<Item>) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            limits::check_items(&items, self.dimensions)?;
            on!(self.upsert(partition, items))
        })
    }

    /// Up to `limit` passages, nearest first. A `limit` above 100 counts as 100.
    pub fn query<'a>(
        &'a self,
        partition: &'a str,
        embedding: Vec<f32>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Hit>, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            limits::check_embedding(&embedding, self.dimensions)?;
            on!(self.query(partition, &embedding, limit.min(limits::HITS)))
        })
    }

    /// Up to `limit` passages that have the words, by BM25 within the partition, best first. A `limit`
    /// above 100 counts as 100. The words are plain text of at most 64 KiB.
    pub fn lexical<'a>(
        &'a self,
        partition: &'a str,
        words: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Match>, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            limits::check_words(words)?;
            on!(self.lexical(partition, words, limit.min(limits::HITS)))
        })
    }

    /// Up to `limit` passages, best first, by reciprocal rank fusion of the nearest ones and of those
    /// that score highest for the words. A `limit` above 100 counts as 100.
    pub fn search<'a>(
        &'a self,
        partition: &'a str,
        embedding: Vec<f32>,
        words: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Match>, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            limits::check_embedding(&embedding, self.dimensions)?;
            limits::check_words(words)?;
            on!(self.search(partition, &embedding, words, limit.min(limits::HITS)))
        })
    }

    /// Passages by id, ascending, after the id `after`; with a `filter`, only those whose metadata
    /// has just this value. A `limit` above 1,000 counts as 1,000. Empty means there are no more.
    pub fn list<'a>(
        &'a self,
        partition: &'a str,
        filter: Option<Entry>,
        after: Option<String>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Passage>, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            filter.as_ref().map_or(Ok(()), limits::check_entry)?;
            on!(self.list(partition, filter, after, limit.min(limits::LISTED)))
        })
    }

    /// Deletes the passages whose metadata has just this value, and gives how many there were.
    pub fn delete<'a>(&'a self, partition: &'a str, filter: Entry) -> BoxFuture<'a, Result<u32, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            limits::check_entry(&filter)?;
            on!(self.delete(partition, filter))
        })
    }

    /// Deletes the passages with these ids, at most 1,000 a call, and gives how many there were.
    pub fn remove<'a>(&'a self, partition: &'a str, ids: Vec<String>) -> BoxFuture<'a, Result<u32, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            limits::check_ids(&ids)?;
            on!(self.remove(partition, ids))
        })
    }

    /// Deletes everything in the partition, and gives how many passages there were.
    pub fn delete_partition<'a>(&'a self, partition: &'a str) -> BoxFuture<'a, Result<u32, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            on!(self.delete_partition(partition))
        })
    }

    /// How many passages the partition holds.
    pub fn count<'a>(&'a self, partition: &'a str) -> BoxFuture<'a, Result<u32, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            on!(self.count(partition))
        })
    }

    /// Whether the partition holds nothing; as quick in a large one as in a small one.
    pub fn is_empty<'a>(&'a self, partition: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            on!(self.is_empty(partition))
        })
    }

    /// Whether the store answers.
    pub fn ping(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { on!(self.ping()) })
    }

    /// Up to `limit` records of all partitions, after `cursor`: the `next` of the page before, or none
    /// for the first. What is written meanwhile may or may not be among them; the rest is, once. A
    /// `limit` above 1,000 counts as 1,000.
    pub fn export<'a>(&'a self, cursor: Option<&'a str>, limit: u32) -> BoxFuture<'a, Result<Page, Error>> {
        Box::pin(async move { on!(self.export(cursor, limit.clamp(1, limits::LISTED))) })
    }

    /// Those of a partition's records that there are, by id. At most 1,000 ids.
    pub fn records<'a>(
        &'a self,
        partition: &'a str,
        ids: Vec<String>,
    ) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            limits::check_ids(&ids)?;
            on!(self.records(partition, ids))
        })
    }

    /// Stores records, any number of them, in place of what is there. An error names no record: some may
    /// be stored, and the same call again stores all.
    pub fn import(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            limits::check_records(&records, self.dimensions)?;
            on!(self.import(records))
        })
    }

    /// How many passages all partitions hold.
    pub fn total(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move { on!(self.total()) })
    }
}
