//! `corral:host/vectors`: passages and their embeddings.

use super::wit::corral::host::{
    types::Entry,
    vectors::{Error, Hit, Host, Item, Match, Passage},
};
use crate::guest::State;
use corral_telemetry::calls::Interface;
use corral_vectors as backend;
use wasmtime::component::HasData;

pub(super) struct Vectors;

impl HasData for Vectors {
    type Data<'a> = View<'a>;
}

pub(super) struct View<'a> {
    calls: Interface<'a>,
    vectors: &'a backend::Vectors,
    /// Whether nothing is stored or deleted.
    discarded: bool,
}

pub(super) fn view(state: &mut State) -> View<'_> {
    View {
        calls: state.services.calls.of("vectors"),
        vectors: &state.services.vectors,
        discarded: state.effects.discarded,
    }
}

impl Host for View<'_> {
    async fn upsert(&mut self, partition: String, items: Vec<Item>) -> wasmtime::Result<Result<(), Error>> {
        if self.discarded {
            return Ok(Ok(()));
        }
        let items = items.into_iter().map(backend::Item::from).collect();
        Ok(self.calls.time("upsert", self.vectors.upsert(&partition, items)).await.map_err(Error::from))
    }

    async fn query(
        &mut self,
        partition: String,
        embedding: Vec<f32>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<Hit>, Error>> {
        let hits = self.calls.time("query", self.vectors.query(&partition, embedding, limit)).await;
        Ok(hits.map(|hits| hits.into_iter().map(Hit::from).collect()).map_err(Error::from))
    }

    async fn search(
        &mut self,
        partition: String,
        embedding: Vec<f32>,
        words: String,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<Match>, Error>> {
        let found =
            self.calls.time("search", self.vectors.search(&partition, embedding, &words, limit)).await;
        Ok(found.map(|found| found.into_iter().map(Match::from).collect()).map_err(Error::from))
    }

    async fn list(
        &mut self,
        partition: String,
        filter: Option<Entry>,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<Passage>, Error>> {
        let found = self
            .calls
            .time("list", self.vectors.list(&partition, filter.map(backend::Entry::from), after, limit))
            .await;
        Ok(found.map(|found| found.into_iter().map(Passage::from).collect()).map_err(Error::from))
    }

    async fn delete(&mut self, partition: String, filter: Entry) -> wasmtime::Result<Result<u32, Error>> {
        if self.discarded {
            return Ok(Ok(0));
        }
        Ok(self
            .calls
            .time("delete", self.vectors.delete(&partition, filter.into()))
            .await
            .map_err(Error::from))
    }

    async fn remove(&mut self, partition: String, ids: Vec<String>) -> wasmtime::Result<Result<u32, Error>> {
        if self.discarded {
            return Ok(Ok(0));
        }
        Ok(self.calls.time("remove", self.vectors.remove(&partition, ids)).await.map_err(Error::from))
    }

    async fn delete_partition(&mut self, partition: String) -> wasmtime::Result<Result<u32, Error>> {
        if self.discarded {
            return Ok(Ok(0));
        }
        Ok(self
            .calls
            .time("delete-partition", self.vectors.delete_partition(&partition))
            .await
            .map_err(Error::from))
    }

    async fn count(&mut self, partition: String) -> wasmtime::Result<Result<u32, Error>> {
        Ok(self.calls.time("count", self.vectors.count(&partition)).await.map_err(Error::from))
    }

    async fn is_empty(&mut self, partition: String) -> wasmtime::Result<Result<bool, Error>> {
        let empty = self.calls.time("is-empty", self.vectors.is_empty(&partition));
        Ok(empty.await.map_err(Error::from))
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
            // Only opening the store gives the first two; a guest could do nothing about them.
            backend::Error::OtherModel { .. }
            | backend::Error::NoCollection(_)
            | backend::Error::Unavailable(_) => {
                tracing::warn!(cause = %error, "vector store unavailable");
                Self::Unavailable
            }
        }
    }
}
