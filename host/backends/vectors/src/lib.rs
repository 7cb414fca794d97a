//! Keeps passages of text with their embeddings, in partitions, and finds the nearest ones.
//!
//! Not here: what a partition is (for chat: the session), what makes an embedding, how texts become
//! passages, and how each store works (`sqlite.rs`).

mod limits;
mod sqlite;

use serde::Deserialize;
use std::{fmt, path::Path};

/// The `[vectors]` part of the settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where passages are kept.
    pub backend: Backend,
    /// Address of the server; the embedded store has none.
    pub url: Option<String>,
    /// Name of the collection: 3 to 512 letters, digits, `.`, `_` and `-`.
    pub collection: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { backend: Backend::Embedded, url: None, collection: "chat_documents".to_owned() }
    }
}

/// The kinds of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A SQLite file on this machine.
    Embedded,
}

/// What made the embeddings. It is recorded with the collection: distances between embeddings of
/// two models mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Name of the model.
    pub name: String,
    /// How many values an embedding has.
    pub dimensions: u32,
}

impl fmt::Display for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} dimensions)", self.name, self.dimensions)
    }
}

/// One named string of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// 1 to 128 bytes.
    pub key: String,
    /// At most 4 KiB.
    pub value: String,
}

/// A passage to store.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Unique in its partition, 1 to 256 bytes. Storing it again replaces what was there.
    pub id: String,
    /// The original text, at most 1 MiB.
    pub text: String,
    /// Of the model's dimensions; every value finite. Only its direction counts.
    pub embedding: Vec<f32>,
    /// At most 64 entries. Keys are unique, and none is `chat_id`, which names the partition.
    pub metadata: Vec<Entry>,
}

/// A stored passage, without its embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// As it was stored.
    pub id: String,
    /// As it was stored.
    pub text: String,
    /// Ordered by key.
    pub metadata: Vec<Entry>,
}

/// A passage found by its embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// What was found.
    pub passage: Passage,
    /// Cosine distance to the question: 0 is the same direction, 2 the opposite. An embedding of
    /// zeros has no direction and is at 1 from everything.
    pub distance: f32,
}

/// Why a call failed, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An embedding is of another length than the collection's.
    #[error("an embedding has {given} dimensions, the collection's have {stored}")]
    DimensionMismatch {
        /// Of the embedding in the call.
        given: u32,
        /// Of the embeddings in the collection.
        stored: u32,
    },
    /// An argument breaks its documented form or limit; says which and how.
    #[error("{0}")]
    InvalidArgument(String),
    /// The collection holds embeddings of another model; only opening gives this.
    #[error(
        "the collection holds embeddings of {stored}, the configured model is {given}: \
         name another collection in vectors.collection, or configure that model in embedding.model"
    )]
    OtherModel {
        /// What the collection was made with.
        stored: Model,
        /// What is configured now.
        given: Model,
    },
    /// Worth one later retry. Carries the cause, for the log.
    #[error("the vector store is unavailable: {0}")]
    Unavailable(String),
}

/// The store of passages. Clones share it.
///
/// A partition is named by 1 to 256 bytes; it exists while it holds passages, and an unknown one is
/// empty. A call waits at most five seconds, then it is [`Error::Unavailable`]. A write whose future
/// is dropped before it was committed does not happen.
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// use corral_vectors::{Config, Item, Model, Vectors};
///
/// let model = Model { name: "compass".into(), dimensions: 2 };
/// let vectors = Vectors::open(&Config::default(), &folder.path().join("corral.db"), model)?;
/// let item = |id: &str, embedding| Item { id: id.into(), text: String::new(), embedding, metadata: vec![] };
/// vectors.upsert("session", vec![item("east", vec![1.0, 0.0]), item("north", vec![0.0, 1.0])]).await?;
///
/// let hits = vectors.query("session", vec![0.1, 3.0], 1).await?;
/// assert_eq!(hits[0].passage.id, "north");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Vectors {
    dimensions: u32,
    store: Store,
}

#[derive(Clone)]
enum Store {
    Embedded(sqlite::Store),
}

impl Vectors {
    /// Opens the store that `config` names, for embeddings of `model`. Blocks: for start-up.
    ///
    /// `store` is the embedded store's file; it is made if it is missing, together with its folder,
    /// both for their owner only.
    pub fn open(config: &Config, store: &Path, model: Model) -> Result<Self, Error> {
        limits::check_collection(&config.collection)?;
        let dimensions = model.dimensions;
        let store = match config.backend {
            Backend::Embedded => Store::Embedded(sqlite::Store::open(store, &config.collection, model)?),
        };
        Ok(Self { dimensions, store })
    }

    /// Stores items; all of one call or none. At most 1,000 a call, each id once.
    pub async fn upsert(&self, partition: &str, items: Vec<Item>) -> Result<(), Error> {
        limits::check_partition(partition)?;
        limits::check_items(&items, self.dimensions)?;
        match &self.store {
            Store::Embedded(store) => store.upsert(partition, items).await,
        }
    }

    /// Up to `limit` passages, nearest first. A `limit` above 100 counts as 100.
    pub async fn query(&self, partition: &str, embedding: Vec<f32>, limit: u32) -> Result<Vec<Hit>, Error> {
        limits::check_partition(partition)?;
        limits::check_embedding(&embedding, self.dimensions)?;
        let limit = limit.min(limits::HITS);
        match &self.store {
            Store::Embedded(store) => store.query(partition, &embedding, limit).await,
        }
    }

    /// Passages by id, ascending, after the id `after`; with a `filter`, only those whose metadata
    /// has just this value. A `limit` above 1,000 counts as 1,000. Empty means there are no more.
    pub async fn list(
        &self,
        partition: &str,
        filter: Option<Entry>,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Passage>, Error> {
        limits::check_partition(partition)?;
        filter.as_ref().map_or(Ok(()), limits::check_entry)?;
        let limit = limit.min(limits::LISTED);
        match &self.store {
            Store::Embedded(store) => store.list(partition, filter, after, limit).await,
        }
    }

    /// Deletes the passages whose metadata has just this value, and gives how many there were.
    pub async fn delete(&self, partition: &str, filter: Entry) -> Result<u32, Error> {
        limits::check_partition(partition)?;
        limits::check_entry(&filter)?;
        match &self.store {
            Store::Embedded(store) => store.delete(partition, filter).await,
        }
    }

    /// Deletes everything in the partition, and gives how many passages there were.
    pub async fn delete_partition(&self, partition: &str) -> Result<u32, Error> {
        limits::check_partition(partition)?;
        match &self.store {
            Store::Embedded(store) => store.delete_partition(partition).await,
        }
    }

    /// How many passages the partition holds.
    pub async fn count(&self, partition: &str) -> Result<u32, Error> {
        limits::check_partition(partition)?;
        match &self.store {
            Store::Embedded(store) => store.count(partition).await,
        }
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), Error> {
        match &self.store {
            Store::Embedded(store) => store.ping().await,
        }
    }
}
