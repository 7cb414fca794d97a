//! The statements that move whole sessions between stores.
//!
//! Every function runs inside the caller's transaction. Expired rows count as missing.

use super::rows;
use crate::{Error, Page, Record, moment::Moment};
use rusqlite::Transaction;

/// A page ends early once its sessions count for this much, so that it stays in memory's bounds.
const PAGE_BYTES: u64 = 64 << 20;
const PAGE_RECORDS: u32 = 1000;

/// The key after which the next page begins.
pub fn position(cursor: Option<&str>) -> Result<i64, Error> {
    let Some(cursor) = cursor else { return Ok(0) };
    cursor.parse().map_err(|error| Error::InvalidArgument(format!("cursor: {error}")))
}

/// The sessions made after the one with the key `after`, in the order in which they were made.
pub fn page(at: &Transaction<'_>, after: i64, limit: u32, now: Moment) -> Result<Page, Error> {
    let limit = limit.clamp(1, PAGE_RECORDS);
    let mut statement = at.prepare_cached(
        "SELECT key, id FROM sessions WHERE key > ?1 AND expires_at > ?2 ORDER BY key LIMIT ?3",
    )?;
    let found = statement.query_map((after, now, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found = found.collect::<Result<Vec<(i64, String)>, _>>()?;
    let full = found.len() == limit as usize;
    let (mut records, mut bytes, mut last) = (Vec::new(), 0, after);
    for (key, id) in found {
        if bytes > PAGE_BYTES {
            return Ok(Page { records, unread: Vec::new(), next: Some(last.to_string()) });
        }
        let Some((size, record)) = sized(at, id, now)? else { continue };
        bytes += u64::from(size);
        records.push(record);
        last = key;
    }
    Ok(Page { records, unread: Vec::new(), next: full.then(|| last.to_string()) })
}

/// The session with all that belongs to it.
pub fn record(at: &Transaction<'_>, id: String, now: Moment) -> Result<Option<Record>, Error> {
    Ok(sized(at, id, now)?.map(|(_, record)| record))
}

/// Stores the session as it is in place of one of the same id.
pub fn replace(at: &Transaction<'_>, record: &Record, bytes: u32, now: Moment) -> Result<(), Error> {
    let session = &record.session;
    let (created_at, last_updated) = record.times();
    at.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([&session.id])?;
    at.prepare_cached(
        "INSERT INTO sessions (id, created_at, last_updated, expires_at, turns, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        &session.id,
        created_at,
        last_updated,
        now.plus(record.expires_in),
        session.turns,
        bytes,
    ))?;
    let key = at.last_insert_rowid();
    let mut insert = at.prepare_cached(
        "INSERT INTO session_turns (session, number, turn_id, user, ai) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (number, (turn, turn_id)) in (1_u32..).zip(session.history.iter().zip(&record.turn_ids)) {
        insert.execute((key, number, turn_id, &turn.user, &turn.ai))?;
    }
    let mut insert =
        at.prepare_cached("INSERT INTO session_metadata (session, key, value) VALUES (?1, ?2, ?3)")?;
    for (name, value) in &session.metadata {
        insert.execute((key, name, value))?;
    }
    Ok(())
}

/// The session and what it counts for against the size limit.
fn sized(at: &Transaction<'_>, id: String, now: Moment) -> Result<Option<(u32, Record)>, Error> {
    let Some(head) = rows::head(at, &id, now)? else { return Ok(None) };
    let mut statement =
        at.prepare_cached("SELECT turn_id FROM session_turns WHERE session = ?1 ORDER BY number")?;
    let turn_ids = statement.query_map([head.key], |row| row.get(0))?;
    let record = Record {
        turn_ids: turn_ids.collect::<Result<_, _>>()?,
        session: rows::session(at, id, &head, None)?,
        expires_in: head.expires_at.since(now),
    };
    Ok(Some((head.bytes, record)))
}
