//! The store on a ChromaDB server (version 1, its REST API v2).
//!
//! A record has the embedding (scaled to length one), the text as its document, and as metadata the
//! passage's own and `chat_id`, the partition, which every request is limited to. Its id is
//! `<partition>/<id>`. Collections that LangChain filled are used as they are.
//!
//! What differs from the embedded store: more than `vectors.chroma.batch` items, or about 8 MB, are
//! written in several requests, each all or nothing; two writes of one passage at once may leave the
//! metadata of both; of passages at the same distance the lesser id comes first.
//!
//! Not here: requests (`chroma/client.rs`), the collection and its model (`chroma/collection.rs`),
//! records (`chroma/records.rs`), words (`chroma/lexical.rs`).

mod client;
mod collection;
mod export;
mod lexical;
mod names;
mod records;
mod settings;
mod wire;

use crate::{Config, Entry, Error, Hit, Item, Model, Page, Passage, Record, direction::Direction};
use client::{Client, Failure};
use collection::{Collection, Place};
use export::Listing;
use records::{both, saturating};
use settings::Settings;
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::timeout;
use tracing::warn;
use wire::Parts;

/// How long a call may take, its retries included.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Store {
    collection: Arc<Collection>,
    /// For exporting.
    listing: Arc<Mutex<Option<Listing>>>,
}

impl Store {
    /// Whether the server is there. Asks for the one path that needs neither token nor collection, and makes nothing.
    pub async fn heartbeat(config: &Config) -> Result<(), Error> {
        let client = Client::new(&Settings::read(config).await?)?;
        within(client.get::<serde::de::IgnoredAny>(&["heartbeat"])).await.map(drop)
    }

    pub async fn open(config: &Config, model: Model) -> Result<Self, Error> {
        let collection = Arc::new(collection(config, model).await?);
        match timeout(PATIENCE, collection.known()).await {
            Ok(Ok(_)) => {}
            Ok(Err(Failure::OtherModel { stored, given })) => {
                return Err(Error::OtherModel { stored, given });
            }
            Ok(Err(failure)) => warn!(%failure, "the vector store is not up; later calls try again"),
            Err(_) => warn!("the vector store gave no answer; later calls try again"),
        }
        Ok(Self { collection, listing: Arc::default() })
    }

    /// What is there, with the model that it is of: `model`, unless the collection names another. Opening makes and
    /// changes nothing on the server.
    pub async fn open_source(config: &Config, mut model: Model) -> Result<(Self, Model), Error> {
        let looking = async {
            loop {
                let collection = collection(config, model.clone()).await?.only_read();
                match collection.known().await {
                    Ok(_) => {
                        let collection = Arc::new(collection);
                        return Ok((Self { collection, listing: Arc::default() }, model));
                    }
                    Err(Failure::OtherModel { stored, .. }) => model = stored,
                    Err(Failure::NoCollection(name)) => return Err(Error::NoCollection(name)),
                    Err(failure) => return Err(failure.into()),
                }
            }
        };
        timeout(PATIENCE, looking).await.unwrap_or_else(|_| Err(unanswered()))
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
        filter: Option<Entry>,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Passage>, Error> {
        let after = after.unwrap_or_default();
        within(self.passages(partition, filter.as_ref(), &after, size(limit))).await
    }

    pub async fn delete(&self, partition: &str, filter: Entry) -> Result<u32, Error> {
        within(async {
            let keys = self.keys(partition, Some(&filter)).await?;
            if wire::is_exact(&filter) {
                return self.erase_all(partition, Some(&filter), keys.len()).await;
            }
            let raws: Vec<_> = keys.into_iter().map(|key| key.raw).collect();
            let rows = self.rows(Some(partition), &raws, Parts::Metadata).await?;
            let rows =
                rows.into_iter().filter(|row| wire::matches(&wire::entries(row.metadata.clone()), &filter));
            let raws: Vec<_> = rows.map(|row| row.raw).collect();
            self.erase(partition, &raws).await
        })
        .await
    }

    pub async fn remove(&self, partition: &str, ids: Vec<String>) -> Result<u32, Error> {
        within(async {
            let raws: Vec<_> = both(partition, &ids).collect();
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

    pub async fn ping(&self) -> Result<(), Error> {
        within(self.collection.ping()).await
    }

    /// As long as it takes: each request is bounded, not all of them together.
    pub async fn export(&self, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        Ok(self.page_of_all(cursor, size(limit)).await?)
    }

    pub async fn records(&self, partition: &str, ids: Vec<String>) -> Result<Vec<Record>, Error> {
        within(async {
            let mut raws: Vec<_> = both(partition, &ids).collect();
            raws.sort_unstable();
            raws.dedup();
            // A partition may be another program's number, which only moving takes for one.
            let rows = self.rows(None, &raws, Parts::All).await?;
            let here = rows.into_iter().filter(|row| row.named().as_deref() == Some(partition));
            let mut records: Vec<_> = here.map(|row| row.into_record(partition.to_owned())).collect();
            records.sort_by(|one, other| one.item.id.cmp(&other.item.id));
            Ok(records)
        })
        .await
    }

    /// As long as it takes: each request is bounded, not all of them together.
    pub async fn import(&self, records: Vec<Record>) -> Result<(), Error> {
        let mut partitions = BTreeMap::<_, Vec<_>>::new();
        for Record { partition, item } in records {
            partitions.entry(partition).or_default().push(item);
        }
        for (partition, items) in partitions {
            self.write(&partition, items).await?;
        }
        Ok(())
    }

    pub async fn total(&self) -> Result<u64, Error> {
        within(self.collection.count()).await
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

/// The collection that the settings name. Nobody is asked yet.
async fn collection(config: &Config, model: Model) -> Result<Collection, Error> {
    let settings = Settings::read(config).await?;
    let client = Client::new(&settings)?;
    let Settings { tenant, database, batch, .. } = settings;
    let place = Place { tenant, database, name: config.collection.clone() };
    Ok(Collection::new(client, place, model, batch))
}

/// Does the work, or gives it up when its time has passed.
async fn within<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Error> {
    match timeout(PATIENCE, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(unanswered()),
    }
}

fn unanswered() -> Error {
    Error::Unavailable(format!("no answer within {PATIENCE:?}"))
}

/// A limit that was bounded before; it fits.
fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
