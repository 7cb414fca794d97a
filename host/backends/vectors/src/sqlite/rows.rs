//! The statements: what a passage is in tables.
//!
//! Every function runs inside the caller's transaction and within one partition. Scans end when the
//! call's deadline has passed: nobody waits for them any more.

use super::{
    nearest::{Candidate, Nearest},
    terms,
};
use crate::{Entry, Error, Hit, Item, Model, Passage, direction::Direction};
use rusqlite::{OptionalExtension, Row, Transaction};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Where a call looks: the key of a collection, and a partition in it.
pub struct Place {
    pub collection: i64,
    pub partition: String,
}

/// The key of the collection. It is made if there is none, and refused if it is another model's.
pub fn collection(at: &Transaction<'_>, name: &str, given: Model) -> Result<i64, Error> {
    match named(at, name)? {
        Some((key, stored)) if stored == given => Ok(key),
        Some((_, stored)) => Err(Error::OtherModel { stored, given }),
        None => {
            at.execute(
                "INSERT INTO vector_collections (name, model, dimensions) VALUES (?1, ?2, ?3)",
                (name, given.name, given.dimensions),
            )?;
            Ok(at.last_insert_rowid())
        }
    }
}

/// The key of the collection and its model, if there is one.
pub fn named(at: &Transaction<'_>, name: &str) -> Result<Option<(i64, Model)>, Error> {
    let mut statement =
        at.prepare_cached("SELECT key, model, dimensions FROM vector_collections WHERE name = ?1")?;
    let found = statement
        .query_row([name], |row| Ok((row.get(0)?, Model { name: row.get(1)?, dimensions: row.get(2)? })));
    Ok(found.optional()?)
}

pub fn upsert(at: &Transaction<'_>, place: &Place, items: Vec<Item>) -> Result<(), Error> {
    let mut passage = at.prepare_cached(
        "INSERT INTO vector_passages (collection, partition, id, metadata, text) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (collection, partition, id)
         DO UPDATE SET metadata = excluded.metadata, text = excluded.text
         RETURNING key",
    )?;
    let mut embedding =
        at.prepare_cached("INSERT OR REPLACE INTO vector_embeddings (key, direction) VALUES (?1, ?2)")?;
    for item in items {
        let metadata = to_json(item.metadata)?;
        let row = (place.collection, &place.partition, item.id, metadata, &item.text);
        let key: i64 = passage.query_row(row, |row| row.get(0))?;
        terms::keep(at, key, &item.text)?;
        embedding.execute((key, Direction::of(&item.embedding).to_bytes()))?;
    }
    Ok(())
}

pub fn query(
    at: &Transaction<'_>,
    place: &Place,
    question: &Direction,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<Hit>, Error> {
    let nearest = nearest(at, place, question, limit, deadline)?.into_iter();
    nearest.map(|Candidate { distance, key }| Ok(Hit { passage: passage(at, key)?, distance })).collect()
}

pub fn passage(at: &Transaction<'_>, key: i64) -> Result<Passage, Error> {
    let mut statement = at.prepare_cached("SELECT id, metadata, text FROM vector_passages WHERE key = ?1")?;
    let (id, metadata, text): (_, String, _) =
        statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(Passage { id, text, metadata: entries(from_json(&metadata)?) })
}

pub fn list(
    at: &Transaction<'_>,
    place: &Place,
    filter: Option<&Entry>,
    after: &str,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<Passage>, Error> {
    let mut statement = at.prepare_cached(
        "SELECT id, metadata, text FROM vector_passages
         WHERE collection = ?1 AND partition = ?2 AND id > ?3 ORDER BY id",
    )?;
    let mut rows = statement.query((place.collection, &place.partition, after))?;
    let mut passages = Vec::new();
    while passages.len() < limit
        && let Some(row) = rows.next()?
    {
        check(deadline)?;
        let metadata = metadata(row, 1)?;
        if filter.is_none_or(|filter| matches(&metadata, filter)) {
            passages.push(Passage { id: row.get(0)?, text: row.get(2)?, metadata: entries(metadata) });
        }
    }
    Ok(passages)
}

pub fn delete(at: &Transaction<'_>, place: &Place, filter: &Entry, deadline: Instant) -> Result<u32, Error> {
    let keys = keys(at, place, filter, deadline)?;
    let mut statement = at.prepare_cached("DELETE FROM vector_passages WHERE key = ?1")?;
    for key in &keys {
        statement.execute([key])?;
    }
    Ok(saturating(keys.len()))
}

pub fn remove(at: &Transaction<'_>, place: &Place, ids: &[String]) -> Result<u32, Error> {
    let mut statement = at
        .prepare_cached("DELETE FROM vector_passages WHERE collection = ?1 AND partition = ?2 AND id = ?3")?;
    let mut removed = 0;
    for id in ids {
        removed += statement.execute((place.collection, &place.partition, id))?;
    }
    Ok(saturating(removed))
}

pub fn delete_partition(at: &Transaction<'_>, place: &Place) -> Result<u32, Error> {
    let deleted = at
        .prepare_cached("DELETE FROM vector_passages WHERE collection = ?1 AND partition = ?2")?
        .execute((place.collection, &place.partition))?;
    Ok(saturating(deleted))
}

pub fn count(at: &Transaction<'_>, place: &Place) -> Result<u32, Error> {
    Ok(at
        .prepare_cached("SELECT count(*) FROM vector_passages WHERE collection = ?1 AND partition = ?2")?
        .query_row((place.collection, &place.partition), |row| row.get(0))?)
}

pub fn is_empty(at: &Transaction<'_>, place: &Place) -> Result<bool, Error> {
    Ok(at
        .prepare_cached(
            "SELECT NOT EXISTS (SELECT 1 FROM vector_passages WHERE collection = ?1 AND partition = ?2)",
        )?
        .query_row((place.collection, &place.partition), |row| row.get(0))?)
}

/// Exact: looks at every embedding of the partition.
pub fn nearest(
    at: &Transaction<'_>,
    place: &Place,
    question: &Direction,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<Candidate>, Error> {
    let mut statement = at.prepare_cached(
        "SELECT key, direction FROM vector_passages JOIN vector_embeddings USING (key)
         WHERE collection = ?1 AND partition = ?2",
    )?;
    let mut rows = statement.query((place.collection, &place.partition))?;
    let mut nearest = Nearest::new(limit);
    while let Some(row) = rows.next()? {
        check(deadline)?;
        let key = row.get(0)?;
        let stored = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let distance = question.distance(stored).ok_or_else(|| damaged(format!("embedding {key}")))?;
        nearest.offer(Candidate { distance, key });
    }
    Ok(nearest.into_sorted())
}

fn keys(at: &Transaction<'_>, place: &Place, filter: &Entry, deadline: Instant) -> Result<Vec<i64>, Error> {
    let mut statement = at.prepare_cached(
        "SELECT key, metadata FROM vector_passages WHERE collection = ?1 AND partition = ?2",
    )?;
    let mut rows = statement.query((place.collection, &place.partition))?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        check(deadline)?;
        if matches(&metadata(row, 1)?, filter) {
            keys.push(row.get(0)?);
        }
    }
    Ok(keys)
}

type Metadata = BTreeMap<String, String>;

fn metadata(row: &Row<'_>, column: usize) -> Result<Metadata, Error> {
    from_json(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}

fn matches(metadata: &Metadata, filter: &Entry) -> bool {
    metadata.get(&filter.key) == Some(&filter.value)
}

pub fn entries(metadata: Metadata) -> Vec<Entry> {
    metadata.into_iter().map(|(key, value)| Entry { key, value }).collect()
}

fn to_json(entries: Vec<Entry>) -> Result<String, Error> {
    let metadata: Metadata = entries.into_iter().map(|Entry { key, value }| (key, value)).collect();
    serde_json::to_string(&metadata).map_err(|error| Error::Unavailable(format!("writing metadata: {error}")))
}

pub fn from_json(text: &str) -> Result<Metadata, Error> {
    serde_json::from_str(text).map_err(|error| damaged(format!("metadata ({error})")))
}

pub fn damaged(what: String) -> Error {
    Error::Unavailable(format!("the file is damaged: {what}"))
}

pub fn check(deadline: Instant) -> Result<(), Error> {
    if Instant::now() > deadline {
        return Err(Error::Unavailable("the scan ran past its deadline".to_owned()));
    }
    Ok(())
}

fn saturating(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
