//! Reading, writing and deleting records, in requests of bounded size.
//!
//! Everything here is within one partition, whatever the ids.
//!
//! Not here: in what order and how many (`chroma.rs`), what answers look like (`wire.rs`).

use super::{
    Store,
    client::Failure,
    names::{self, Key, raw},
    wire::{self, Done, Erased, Ids, Nearest, Parts, Row, Rows},
};
use crate::{Entry, Item, direction::Direction};
use serde_json::{Value, json};
use std::{collections::HashMap, mem};
use tokio::try_join;

/// How many records one request reads, and how many it deletes by their ids.
const PAGE: usize = 500;
/// How many it deletes by what they have in common.
const ERASED: usize = 2_000;
/// About how large one request may be; the server takes 40 MB.
const REQUEST_BYTES: usize = 8 << 20;
/// How many candidates the server looks for. Its index is approximate, and the more it has to find, the
/// wider it looks: of partitions of up to a thousand passages all, of larger ones the nearest hundred
/// with a recall above 0.999 (measured in 4,000 of 20,000).
const CANDIDATES: usize = 1000;
/// The largest partition whose embeddings are all compared here if the index overlooks some of them.
const OVERLOOKED: usize = 4 * CANDIDATES;

impl Store {
    /// The names of the partition's records, by id.
    pub(super) async fn keys(&self, partition: &str, filter: Option<&Entry>) -> Result<Vec<Key>, Failure> {
        let wanted = json!({"where": wire::condition(partition, filter), "include": []});
        let Ids { ids } = self.collection.post("get", &wanted).await?;
        let mut keys: Vec<_> = ids.into_iter().map(|raw| Key::of(partition, raw)).collect();
        keys.sort();
        Ok(keys)
    }

    /// The names of some of the partition's records, of all if there are no more than `most`; in any order.
    pub(super) async fn some(&self, partition: &str, most: usize) -> Result<Vec<String>, Failure> {
        let wanted = json!({"where": wire::condition(partition, None), "include": [], "limit": most});
        let Ids { ids } = self.collection.post("get", &wanted).await?;
        Ok(ids)
    }

    /// Those of the records that there are, in the order of their ids. No partition: of any.
    pub(super) async fn rows(
        &self,
        partition: Option<&str>,
        raws: &[String],
        parts: Parts,
    ) -> Result<Vec<Row>, Failure> {
        let (mut rows, mut rest, mut size) = (Vec::new(), raws, PAGE);
        while !rest.is_empty() {
            let (page, later) = rest.split_at(size.min(rest.len()));
            match self.page(partition, page, parts).await {
                Ok(mut found) => {
                    rows.extend(page.iter().filter_map(|raw| found.remove(raw)));
                    rest = later;
                }
                Err(Failure::TooLarge) if page.len() > 1 => size = page.len() / 2,
                Err(failure) => return Err(failure),
            }
        }
        Ok(rows)
    }

    /// Ids with their cosine distance to the question, nearest first.
    pub(super) async fn candidates(
        &self,
        partition: &str,
        question: &Direction,
        limit: usize,
    ) -> Result<Vec<(Key, f32)>, Failure> {
        let wanted = json!({
            "query_embeddings": [question.values()],
            "n_results": CANDIDATES.max(limit),
            "where": wire::condition(partition, None),
            "include": ["distances"],
        });
        // What there is, is asked for beside it: of most partitions that is all, and nobody waits twice.
        let query = self.collection.post::<Nearest>("query", &wanted);
        let (found, some) = try_join!(query, self.some(partition, CANDIDATES))?;
        let mut found = found.check()?;
        let overlooked = self.overlooked(partition, found.len(), some).await?;
        if overlooked.is_some() || !self.collection.known().await?.cosine {
            // Another program chose other distances. They agree with cosine ones on the order as far as
            // its embeddings are of length one; of the candidates the order is right in any case.
            let raws = overlooked.unwrap_or_else(|| found.into_iter().map(|(raw, _)| raw).collect());
            let rows = self.rows(Some(partition), &raws, Parts::Embedding).await?;
            found = rows.into_iter().map(|row| (row.raw, question.distance_to(&row.embedding))).collect();
        }
        let mut found: Vec<_> = found
            .into_iter()
            .map(|(raw, distance)| (Key::of(partition, raw), distance.clamp(0.0, 2.0)))
            .collect();
        found.sort_by(|one, other| one.1.total_cmp(&other.1).then_with(|| one.0.cmp(&other.0)));
        found.truncate(limit);
        Ok(found)
    }

    /// All of the partition's records, if the index found fewer than there are. It loses its way where many
    /// records have the same embedding, as the passages of a document that many sessions have.
    ///
    /// `some` are as many as there are candidates, or all.
    async fn overlooked(
        &self,
        partition: &str,
        found: usize,
        some: Vec<String>,
    ) -> Result<Option<Vec<String>>, Failure> {
        if found >= some.len() {
            return Ok(None);
        }
        let all = if some.len() < CANDIDATES { some } else { self.some(partition, OVERLOOKED + 1).await? };
        Ok((all.len() <= OVERLOOKED).then_some(all))
    }

    /// Stores items in place of what has their ids, request by request.
    pub(super) async fn write(&self, partition: &str, items: Vec<Item>) -> Result<(), Failure> {
        let most = self.collection.known().await?.batch;
        for items in requests(items, most) {
            self.write_at_once(partition, items).await?;
        }
        Ok(())
    }

    /// Deletes records that were found in the partition, and gives how many names there were.
    pub(super) async fn erase(&self, partition: &str, raws: &[String]) -> Result<u32, Failure> {
        let most = self.collection.known().await?.batch.min(PAGE);
        // The ids of records that were written here name the partition, those of others do not.
        let (own, foreign): (Vec<_>, Vec<_>) = raws.iter().partition(|raw| names::is_own(partition, raw));
        for raws in own.chunks(most) {
            let Done {} = self.collection.post("delete", &json!({"ids": raws})).await?;
        }
        for raws in foreign.chunks(most) {
            let wanted = json!({"ids": raws, "where": wire::condition(partition, None)});
            let Done {} = self.collection.post("delete", &wanted).await?;
        }
        Ok(saturating(raws.len()))
    }

    /// Deletes all that the filter takes, of which there were `counted`, without naming them: four times
    /// as fast. Gives how many there were, also where a request was sent twice.
    pub(super) async fn erase_all(
        &self,
        partition: &str,
        filter: Option<&Entry>,
        counted: usize,
    ) -> Result<u32, Failure> {
        let wanted = json!({"where": wire::condition(partition, filter), "limit": ERASED});
        let (mut all, mut left) = (0, counted > 0);
        while left {
            let Erased { deleted } = self.collection.post("delete", &wanted).await?;
            all += deleted;
            left = deleted > 0;
        }
        Ok(saturating(all.max(counted)))
    }

    /// By their ids alone, and what is of another partition is left out here: asked to look at both, the
    /// server takes ten milliseconds for each id in a partition of 2,000, instead of less than one.
    async fn page(
        &self,
        partition: Option<&str>,
        raws: &[String],
        parts: Parts,
    ) -> Result<HashMap<String, Row>, Failure> {
        let wanted = json!({"ids": raws, "include": parts.include()});
        let rows = self.collection.post::<Rows>("get", &wanted).await?;
        let rows = rows.check(parts, self.collection.dimensions())?;
        let here = rows.into_iter().filter(|row| partition.is_none() || row.partition() == partition);
        Ok(here.map(|row| (row.raw.clone(), row)).collect())
    }

    /// ChromaDB lays new metadata over the old, so what is there is looked at first. Records that
    /// another program wrote under the plain id are replaced where they are.
    async fn write_at_once(&self, partition: &str, items: Vec<Item>) -> Result<(), Failure> {
        let raws: Vec<_> = both(partition, items.iter().map(|item| &item.id)).collect();
        let old = self.rows(Some(partition), &raws, Parts::Metadata).await?;
        let old: HashMap<_, _> = old.iter().map(|row| (row.raw.as_str(), row)).collect();
        let (mut ids, mut embeddings, mut metadatas, mut documents) = (vec![], vec![], vec![], vec![]);
        for item in items {
            let own = raw(partition, &item.id);
            let id = if old.contains_key(item.id.as_str()) && !old.contains_key(own.as_str()) {
                item.id
            } else {
                own
            };
            metadatas.push(wire::replacing(partition, &item.metadata, old.get(id.as_str()).copied()));
            // Only the direction counts, and the squares of large values would overflow there.
            embeddings.push(Direction::of(&item.embedding).into_values());
            documents.push(item.text);
            ids.push(id);
        }
        let wanted = Upsert { ids, embeddings, metadatas, documents };
        let Done {} = self.collection.post("upsert", &wanted).await?;
        Ok(())
    }
}

#[derive(serde::Serialize)]
struct Upsert {
    ids: Vec<String>,
    embeddings: Vec<Vec<f32>>,
    metadatas: Vec<serde_json::Map<String, Value>>,
    documents: Vec<String>,
}

/// Both names that each of the passages may have in the collection.
pub fn both<'a>(
    partition: &'a str,
    ids: impl IntoIterator<Item = &'a String> + 'a,
) -> impl Iterator<Item = String> + 'a {
    ids.into_iter().flat_map(move |id| [raw(partition, id), id.clone()])
}

pub fn saturating(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn requests(items: Vec<Item>, most: usize) -> Vec<Vec<Item>> {
    let (mut requests, mut request, mut bytes) = (vec![], vec![], 0);
    for item in items {
        let size = size(&item);
        if request.len() == most || !request.is_empty() && bytes + size > REQUEST_BYTES {
            requests.push(mem::take(&mut request));
            bytes = 0;
        }
        bytes += size;
        request.push(item);
    }
    if !request.is_empty() {
        requests.push(request);
    }
    requests
}

/// About how large it is as JSON, where a control character takes six bytes.
fn size(item: &Item) -> usize {
    let text = |text: &str| text.len() + 5 * text.bytes().filter(u8::is_ascii_control).count();
    let metadata = item.metadata.iter().map(|entry| text(&entry.key) + text(&entry.value));
    text(&item.text) + metadata.sum::<usize>() + 16 * item.embedding.len()
}
