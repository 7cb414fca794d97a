//! The statements for moving all passages elsewhere, and back.

use super::rows::{self, Place};
use crate::{Error, Item, Page, Record, direction::Direction};
use rusqlite::{OptionalExtension, Row, Transaction};
use tokio::time::Instant;

/// How many records one transaction takes in.
pub const IMPORTED: usize = 500;
/// About how large a page may grow.
const PAGE_BYTES: usize = 32 << 20;

/// Cursors are the key of the last passage of a page; passages keep theirs when they are replaced.
pub fn after(cursor: Option<&str>) -> Result<i64, Error> {
    let unknown = || Error::InvalidArgument("a cursor that no page gave".to_owned());
    cursor.map_or(Ok(0), |cursor| cursor.parse().ok().ok_or_else(unknown))
}

pub fn page(
    at: &Transaction<'_>,
    collection: i64,
    after: i64,
    limit: usize,
    deadline: Instant,
) -> Result<Page, Error> {
    let mut statement = at.prepare_cached(
        "SELECT id, metadata, text, direction, partition, key
         FROM vector_passages JOIN vector_embeddings USING (key)
         WHERE collection = ?1 AND key > ?2 ORDER BY key",
    )?;
    let mut rows = statement.query((collection, after))?;
    let (mut records, mut bytes, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        rows::check(deadline)?;
        if records.len() == limit || bytes > PAGE_BYTES {
            return Ok(Page { records, next: last, skipped: 0 });
        }
        let record = Record { partition: row.get(4)?, item: item(row)? };
        bytes += record.item.text.len();
        records.push(record);
        last = Some(row.get::<_, i64>(5)?.to_string());
    }
    Ok(Page { records, next: None, skipped: 0 })
}

pub fn records(at: &Transaction<'_>, place: &Place, mut ids: Vec<String>) -> Result<Vec<Record>, Error> {
    ids.sort_unstable();
    ids.dedup();
    let mut statement = at.prepare_cached(
        "SELECT id, metadata, text, direction
         FROM vector_passages JOIN vector_embeddings USING (key)
         WHERE collection = ?1 AND partition = ?2 AND id = ?3",
    )?;
    let found = ids.into_iter().filter_map(|id| {
        let found = statement.query_row((place.collection, &place.partition, id), |row| Ok(item(row)));
        found.optional().transpose()
    });
    found.map(|item| Ok(Record { partition: place.partition.clone(), item: item?? })).collect()
}

pub fn import(at: &Transaction<'_>, collection: i64, records: Vec<Record>) -> Result<(), Error> {
    records.into_iter().try_for_each(|Record { partition, item }| {
        rows::upsert(at, &Place { collection, partition }, vec![item])
    })
}

pub fn total(at: &Transaction<'_>, collection: i64) -> Result<u64, Error> {
    let total: i64 = at
        .prepare_cached("SELECT count(*) FROM vector_passages WHERE collection = ?1")?
        .query_row([collection], |row| row.get(0))?;
    Ok(total.unsigned_abs())
}

/// Of the columns id, metadata, text, direction.
fn item(row: &Row<'_>) -> Result<Item, Error> {
    let metadata: String = row.get(1)?;
    let stored = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(Item {
        id: row.get(0)?,
        text: row.get(2)?,
        embedding: Direction::stored_values(stored),
        metadata: rows::entries(rows::from_json(&metadata)?),
    })
}
