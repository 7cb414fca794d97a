//! The statements: what a session is in tables.
//!
//! Every function runs inside the caller's transaction. Expired rows count as missing, so it does
//! not matter when they are purged.

use crate::{Error, Session, Turn, limits, moment::Moment};
use rusqlite::{OptionalExtension, Row, Transaction};
use std::collections::BTreeMap;

/// A session's row, without what hangs on it.
pub struct Head {
    pub key: i64,
    created_at: Moment,
    last_updated: Moment,
    pub expires_at: Moment,
    pub turns: u32,
    pub bytes: u32,
}

pub fn insert(at: &Transaction<'_>, id: &str, now: Moment, expires_at: Moment) -> Result<(), Error> {
    at.prepare_cached(
        "INSERT INTO sessions (id, created_at, last_updated, expires_at, turns, bytes)
         VALUES (?1, ?2, ?2, ?3, 0, 0)",
    )?
    .execute((id, now, expires_at))?;
    Ok(())
}

/// None if there is no such session or it has expired.
pub fn head(at: &Transaction<'_>, id: &str, now: Moment) -> Result<Option<Head>, Error> {
    let mut statement = at.prepare_cached(
        "SELECT key, created_at, last_updated, expires_at, turns, bytes
         FROM sessions WHERE id = ?1 AND expires_at > ?2",
    )?;
    let head = |row: &Row<'_>| {
        Ok(Head {
            key: row.get(0)?,
            created_at: row.get(1)?,
            last_updated: row.get(2)?,
            expires_at: row.get(3)?,
            turns: row.get(4)?,
            bytes: row.get(5)?,
        })
    };
    Ok(statement.query_row((id, now), head).optional()?)
}

/// The session of this row with its newest `last` turns.
pub fn session(at: &Transaction<'_>, id: String, head: &Head, last: Option<u32>) -> Result<Session, Error> {
    Ok(Session {
        id,
        created_at: head.created_at.to_string(),
        last_updated: head.last_updated.to_string(),
        history: history(at, head, last)?,
        turns: head.turns,
        metadata: metadata(at, head)?,
    })
}

/// Postpones the end of a session that has not expired.
pub fn slide(at: &Transaction<'_>, id: &str, now: Moment, expires_at: Moment) -> Result<(), Error> {
    at.prepare_cached("UPDATE sessions SET expires_at = ?3 WHERE id = ?1 AND expires_at > ?2")?
        .execute((id, now, expires_at))?;
    Ok(())
}

/// The number of the turn that was stored under this id before.
pub fn number_of(at: &Transaction<'_>, head: &Head, turn_id: &str) -> Result<Option<u32>, Error> {
    Ok(at
        .prepare_cached("SELECT number FROM session_turns WHERE session = ?1 AND turn_id = ?2")?
        .query_row((head.key, turn_id), |row| row.get(0))
        .optional()?)
}

/// Appends a turn and gives its number.
pub fn append(
    at: &Transaction<'_>,
    head: &Head,
    turn: &Turn,
    turn_id: &str,
    now: Moment,
) -> Result<u32, Error> {
    let bytes = head.bytes.saturating_add(limits::turn_size(turn, turn_id));
    limits::check_session(bytes)?;
    let number = head.turns + 1;
    at.prepare_cached(
        "INSERT INTO session_turns (session, number, turn_id, user, ai) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((head.key, number, turn_id, &turn.user, &turn.ai))?;
    at.prepare_cached("UPDATE sessions SET turns = ?2, bytes = ?3, last_updated = ?4 WHERE key = ?1")?
        .execute((head.key, number, bytes, now))?;
    Ok(number)
}

/// Takes the newest turn out of its row and of the session's, if there is one. The caller stores another in its place.
pub fn remove_newest(at: &Transaction<'_>, head: &mut Head) -> Result<(), Error> {
    let removed = at
        .prepare_cached(
            "DELETE FROM session_turns WHERE session = ?1 AND number = ?2 RETURNING user, ai, turn_id",
        )?
        .query_row((head.key, head.turns), |row| {
            Ok((Turn { user: row.get(0)?, ai: row.get(1)? }, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    if let Some((turn, turn_id)) = removed {
        let freed = limits::turn_size(&turn, turn_id.as_deref().unwrap_or_default());
        head.bytes = head.bytes.saturating_sub(freed);
        head.turns = head.turns.saturating_sub(1);
    }
    Ok(())
}

pub fn set_metadata(
    at: &Transaction<'_>,
    head: &Head,
    key: &str,
    value: &str,
    now: Moment,
) -> Result<(), Error> {
    let mut present = metadata(at, head)?;
    let replaced = present.insert(key.to_owned(), value.to_owned());
    limits::check_entries(present.len())?;
    let freed = replaced.map_or(0, |value| limits::entry_size(key, &value));
    let bytes = head.bytes.saturating_sub(freed).saturating_add(limits::entry_size(key, value));
    limits::check_session(bytes)?;
    at.prepare_cached(
        "INSERT INTO session_metadata (session, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (session, key) DO UPDATE SET value = excluded.value",
    )?
    .execute((head.key, key, value))?;
    at.prepare_cached("UPDATE sessions SET bytes = ?2, last_updated = ?3 WHERE key = ?1")?
        .execute((head.key, bytes, now))?;
    Ok(())
}

/// Whether there was one. An expired one stays until it is purged, when nobody holds anything for it.
pub fn delete(at: &Transaction<'_>, id: &str, now: Moment) -> Result<bool, Error> {
    let deleted =
        at.prepare_cached("DELETE FROM sessions WHERE id = ?1 AND expires_at > ?2")?.execute((id, now))?;
    Ok(deleted > 0)
}

/// The ids of up to `most` expired sessions, oldest first.
pub fn expired(at: &Transaction<'_>, now: Moment, most: u32) -> Result<Vec<String>, Error> {
    let mut statement = at
        .prepare_cached("SELECT id FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at, key LIMIT ?2")?;
    let ids = statement.query_map((now, most), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Deletes a session that has expired, and none that lives.
pub fn purge(at: &Transaction<'_>, id: &str, now: Moment) -> Result<(), Error> {
    at.prepare_cached("DELETE FROM sessions WHERE id = ?1 AND expires_at <= ?2")?.execute((id, now))?;
    Ok(())
}

fn history(at: &Transaction<'_>, head: &Head, last: Option<u32>) -> Result<Vec<Turn>, Error> {
    let wanted = last.map_or(head.turns, |last| last.min(head.turns));
    // Numbers have no gaps, so the newest ones are found by the index alone.
    let mut statement = at.prepare_cached(
        "SELECT user, ai FROM session_turns WHERE session = ?1 AND number > ?2 ORDER BY number",
    )?;
    let turns = statement
        .query_map((head.key, head.turns - wanted), |row| Ok(Turn { user: row.get(0)?, ai: row.get(1)? }))?;
    Ok(turns.collect::<Result<_, _>>()?)
}

fn metadata(at: &Transaction<'_>, head: &Head) -> Result<BTreeMap<String, String>, Error> {
    let mut statement = at.prepare_cached("SELECT key, value FROM session_metadata WHERE session = ?1")?;
    let entries = statement.query_map([head.key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(entries.collect::<Result<_, _>>()?)
}
