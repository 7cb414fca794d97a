//! `corral:host/vectors`.

use crate::{
    Adapter,
    corral::host::{
        types::Entry,
        vectors::{Error, Guest, Hit, Item, Match, Passage},
    },
    log::log,
    services::{Unavailable, vectors},
};
use corral_spin_vectors as backend;

impl Guest for Adapter {
    fn upsert(partition: String, items: Vec<Item>) -> Result<(), Error> {
        Ok(vectors()?.upsert(&partition, items.into_iter().map(backend::Item::from).collect())?)
    }

    fn query(partition: String, embedding: Vec<f32>, limit: u32) -> Result<Vec<Hit>, Error> {
        Ok(vectors()?.query(&partition, &embedding, limit)?.into_iter().map(Hit::from).collect())
    }

    fn search(
        partition: String,
        embedding: Vec<f32>,
        words: String,
        limit: u32,
    ) -> Result<Vec<Match>, Error> {
        let found = vectors()?.search(&partition, &embedding, &words, limit)?;
        Ok(found.into_iter().map(Match::from).collect())
    }

    fn list(
        partition: String,
        filter: Option<Entry>,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Passage>, Error> {
        let filter = filter.map(backend::Entry::from);
        let found = vectors()?.list(&partition, filter.as_ref(), after.as_deref(), limit)?;
        Ok(found.into_iter().map(Passage::from).collect())
    }

    fn delete(partition: String, filter: Entry) -> Result<u32, Error> {
        Ok(vectors()?.delete(&partition, &filter.into())?)
    }

    fn remove(partition: String, ids: Vec<String>) -> Result<u32, Error> {
        Ok(vectors()?.remove(&partition, &ids)?)
    }

    fn delete_partition(partition: String) -> Result<u32, Error> {
        Ok(vectors()?.delete_partition(&partition)?)
    }

    fn count(partition: String) -> Result<u32, Error> {
        Ok(vectors()?.count(&partition)?)
    }

    fn is_empty(partition: String) -> Result<bool, Error> {
        Ok(vectors()?.is_empty(&partition)?)
    }
}

impl From<Item> for backend::Item {
    fn from(item: Item) -> Self {
        let metadata = item.metadata.into_iter().map(backend::Entry::from).collect();
        Self { id: item.id, text: item.text, embedding: item.embedding, metadata }
    }
}

impl From<Entry> for backend::Entry {
    fn from(entry: Entry) -> Self {
        Self { key: entry.key, value: entry.value }
    }
}

impl From<backend::Entry> for Entry {
    fn from(entry: backend::Entry) -> Self {
        Self { key: entry.key, value: entry.value }
    }
}

impl From<backend::Passage> for Passage {
    fn from(passage: backend::Passage) -> Self {
        let metadata = passage.metadata.into_iter().map(Entry::from).collect();
        Self { id: passage.id, text: passage.text, metadata }
    }
}

impl From<backend::Hit> for Hit {
    fn from(hit: backend::Hit) -> Self {
        Self { passage: hit.passage.into(), distance: hit.distance }
    }
}

impl From<backend::Match> for Match {
    fn from(found: backend::Match) -> Self {
        Self {
            passage: found.passage.into(),
            // A search by an embedding always gives one; 1 is what has no direction.
            distance: found.distance.unwrap_or(1.0),
            bm25: found.bm25,
            score: found.score,
        }
    }
}

impl From<backend::Error> for Error {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::DimensionMismatch { given, stored } => Self::DimensionMismatch((given, stored)),
            backend::Error::InvalidArgument(what) => Self::InvalidArgument(what),
            error @ (backend::Error::OtherModel { .. }
            | backend::Error::NoCollection(_)
            | backend::Error::Unavailable(_)) => {
                log(error);
                Self::Unavailable
            }
        }
    }
}

impl From<Unavailable> for Error {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}
