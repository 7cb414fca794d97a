//! The store on a ChromaDB server: what each call asks of it, as a host's `chroma.rs` does.
//!
//! Requests go one after the other: within a component nothing goes on while it waits.
//!
//! Not here: requests (`chroma/client.rs`), the collection and its model (`chroma/collection.rs`), records
//! (`chroma/records.rs`), words (`chroma/lexical.rs`).

mod client;
#[allow(dead_code, reason = "a host's; readiness is not asked for here")]
mod collection;
#[allow(dead_code, reason = "a host's; search by words alone is for measuring")]
mod lexical;
mod names;
mod records;
#[allow(dead_code, reason = "a host's; what moving records needs is not needed here")]
mod wire;

pub use client::Settings;

use crate::{Entry, Error, Hit, Item, Model, Passage, direction::Direction};
use client::{Client, Failure};
use collection::{Collection, Place};
use corral_spin_platform::http::Http;
use records::{both, saturating};
use std::{collections::BTreeMap, sync::Arc};
use wire::Parts;

/// How many records are written in one request.
const BATCH: usize = 500;

#[derive(Clone)]
pub struct Store {
    collection: Arc<Collection>,
}

impl Store {
    pub fn new(http: Arc<dyn Http>, settings: &Settings, model: Model) -> Result<Self, Error> {
        let client = Client::new(http, settings)?;
        let place = Place {
            tenant: settings.tenant.clone(),
            database: settings.database.clone(),
            name: settings.collection.clone(),
        };
        Ok(Self { collection: Arc::new(Collection::new(client, place, model, BATCH)) })
    }

    pub async fn upsert(&self, partition: &str, items: Vec<Item>) -> Result<(), Error> {
        within(self.write(partition, items)).await
    }

    pub async fn query(&self, partition: &str, embedding: &[f32], limit: u32) -> Result<Vec<Hit>, Error> {
        let question = Direction::of(embedding);
        within(self.nearest(partition, &question, size(limit))).await
    }

    pub async fn list(
        &self,
        partition: &str,
        filter: Option<&Entry>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Passage>, Error> {
        within(self.passages(partition, filter, after, size(limit))).await
    }

    pub async fn delete(&self, partition: &str, filter: &Entry) -> Result<u32, Error> {
        within(async {
            let keys = self.keys(partition, Some(filter)).await?;
            if wire::is_exact(filter) {
                return self.erase_all(partition, Some(filter), keys.len()).await;
            }
            let raws: Vec<_> = keys.into_iter().map(|key| key.raw).collect();
            let rows = self.rows(Some(partition), &raws, Parts::Metadata).await?;
            let rows =
                rows.into_iter().filter(|row| wire::matches(&wire::entries(row.metadata.clone()), filter));
            let raws: Vec<_> = rows.map(|row| row.raw).collect();
            self.erase(partition, &raws).await
        })
        .await
    }

    pub async fn remove(&self, partition: &str, ids: &[String]) -> Result<u32, Error> {
        within(async {
            let raws: Vec<_> = both(partition, ids).collect();
            let rows = self.rows(Some(partition), &raws, Parts::Metadata).await?;
            let mut raws: Vec<_> = rows.into_iter().map(|row| row.raw).collect();
            raws.sort_unstable();
            raws.dedup();
            self.erase(partition, &raws).await
        })
        .await
    }

    pub async fn delete_partition(&self, partition: &str) -> Result<u32, Error> {
        within(async {
            let keys = self.keys(partition, None).await?;
            self.erase_all(partition, None, keys.len()).await
        })
        .await
    }

    pub async fn count(&self, partition: &str) -> Result<u32, Error> {
        within(async { Ok(saturating(self.keys(partition, None).await?.len())) }).await
    }

    pub async fn is_empty(&self, partition: &str) -> Result<bool, Error> {
        within(async { Ok(self.some(partition, 1).await?.is_empty()) }).await
    }

    async fn nearest(
        &self,
        partition: &str,
        question: &Direction,
        limit: usize,
    ) -> Result<Vec<Hit>, Failure> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let candidates = self.candidates(partition, question, limit).await?;
        let (raws, distances): (Vec<_>, BTreeMap<_, _>) =
            candidates.into_iter().map(|(key, distance)| (key.raw.clone(), (key.raw, distance))).unzip();
        let rows = self.rows(Some(partition), &raws, Parts::Passage).await?;
        let hits = rows.into_iter().filter_map(|row| {
            let distance = *distances.get(&row.raw)?;
            Some(Hit { passage: row.into_passage(partition), distance })
        });
        Ok(hits.collect())
    }

    /// Up to `limit` passages by id, after the id `after`.
    async fn passages(
        &self,
        partition: &str,
        filter: Option<&Entry>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Passage>, Failure> {
        let keys = self.keys(partition, filter).await?;
        let first = keys.partition_point(|key| key.id.as_str() <= after);
        let raws: Vec<_> = keys.into_iter().skip(first).map(|key| key.raw).collect();
        let (mut passages, mut rest) = (Vec::new(), &raws[..]);
        while passages.len() < limit && !rest.is_empty() {
            let (some, later) = rest.split_at(rest.len().min(limit - passages.len()));
            let found = self.rows(Some(partition), some, Parts::Passage).await?;
            let found = found.into_iter().map(|row| row.into_passage(partition));
            passages.extend(
                found.filter(|found| filter.is_none_or(|filter| wire::matches(&found.metadata, filter))),
            );
            rest = later;
        }
        Ok(passages)
    }
}

/// Does the work; requests fail when its time has passed.
async fn within<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Error> {
    client::begin();
    Ok(work.await?)
}

/// A limit that was bounded before; it fits.
fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
