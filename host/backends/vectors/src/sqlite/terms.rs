//! Finding passages by their words in the embedded store.
//!
//! Each passage has a row with the counts of its terms, which comes and goes with it. A question looks at the rows
//! of its partition, as it looks at the embeddings: a search reads those anyway, and an inverted index would have
//! to be kept, a hundred rows for each passage. What a score depends on is read with it, so that nothing has to be
//! kept in step.
//!
//! Not here: what terms and scores are (`lexical.rs`), how two rankings become one (`fusion.rs`).

#[cfg(test)]
mod tests;

use super::{
    Store,
    nearest::Candidate,
    rows::{self, Place, check, damaged},
    size,
};
use crate::{
    Error, Match,
    direction::Direction,
    fusion::{DEPTH, fuse},
    lexical::{Counts, Partition, Question, Scorer, best, each_count},
};
use corral_store::{Database, deadline};
use rusqlite::Transaction;
use std::collections::HashMap;
use tokio::time::Instant;

/// How much text is read in one transaction while a store opens, so that others can write in between.
const UNREAD_BYTES: usize = 4 << 20;
/// How many passages.
const UNREAD: u32 = 1000;

impl Store {
    pub async fn lexical(&self, partition: &str, words: &str, limit: u32) -> Result<Vec<Match>, Error> {
        let (place, deadline) = (self.place(partition), deadline());
        let (question, limit) = (Question::of(words), size(limit));
        self.database.read(deadline, move |at| lexical(at, &place, &question, limit, deadline)).await
    }

    pub async fn search(
        &self,
        partition: &str,
        embedding: &[f32],
        words: &str,
        limit: u32,
    ) -> Result<Vec<Match>, Error> {
        let (place, deadline) = (self.place(partition), deadline());
        let wanted =
            Wanted { direction: Direction::of(embedding), question: Question::of(words), limit: size(limit) };
        self.database.read(deadline, move |at| search(at, &place, &wanted, deadline)).await
    }
}

/// Keeps the terms of a passage that was just stored, in place of those it had.
pub fn keep(at: &Transaction<'_>, key: i64, text: &str) -> Result<(), Error> {
    let counts = Counts::of(text);
    at.prepare_cached("INSERT OR REPLACE INTO vector_terms (key, length, counts) VALUES (?1, ?2, ?3)")?
        .execute((key, counts.length(), counts.to_bytes()))?;
    Ok(())
}

/// Reads the passages that were stored before there were terms.
pub async fn catch_up(database: &Database) -> Result<(), Error> {
    while database.write(deadline(), read_some).await? {}
    Ok(())
}

/// Whether there may be more.
fn read_some(at: &Transaction<'_>) -> Result<bool, Error> {
    let mut statement =
        at.prepare_cached("SELECT key, text FROM vector_unread JOIN vector_passages USING (key) LIMIT ?1")?;
    let mut unread = statement.query([UNREAD])?;
    let (mut keys, mut bytes) = (Vec::new(), 0);
    while bytes < UNREAD_BYTES
        && let Some(row) = unread.next()?
    {
        let (key, text) = (row.get(0)?, row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
        keep(at, key, text)?;
        keys.push(key);
        bytes += text.len();
    }
    let mut read = at.prepare_cached("DELETE FROM vector_unread WHERE key = ?1")?;
    for key in &keys {
        read.execute([key])?;
    }
    Ok(!keys.is_empty())
}

struct Wanted {
    direction: Direction,
    question: Question,
    limit: usize,
}

fn lexical(
    at: &Transaction<'_>,
    place: &Place,
    question: &Question,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<Match>, Error> {
    let best = best(&scores(at, place, question, deadline)?, limit).into_iter();
    best.map(|(key, bm25)| Ok(Match { passage: rows::passage(at, key)?, distance: None, bm25, score: bm25 }))
        .collect()
}

fn search(
    at: &Transaction<'_>,
    place: &Place,
    wanted: &Wanted,
    deadline: Instant,
) -> Result<Vec<Match>, Error> {
    let nearest = rows::nearest(at, place, &wanted.direction, DEPTH, deadline)?;
    let nearest = named(at, nearest.into_iter().map(|Candidate { key, .. }| key))?;
    let scores = scores(at, place, &wanted.question, deadline)?;
    let highest = named(at, best(&scores, DEPTH).into_iter().map(|(key, _)| key))?;
    let scores: HashMap<_, _> = scores.into_iter().collect();
    let fused = fuse(&[&nearest, &highest]).into_iter().take(wanted.limit);
    fused
        .map(|((_, key), score)| {
            let bm25 = scores.get(&key).copied().unwrap_or_default();
            let distance = Some(distance(at, key, &wanted.direction)?);
            Ok(Match { passage: rows::passage(at, key)?, distance, bm25, score })
        })
        .collect()
}

/// The score of each passage of the partition that has any of the terms, by id.
fn scores(
    at: &Transaction<'_>,
    place: &Place,
    question: &Question,
    deadline: Instant,
) -> Result<Vec<(i64, f32)>, Error> {
    if question.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = at.prepare_cached(
        "SELECT key, length, counts FROM vector_passages JOIN vector_terms USING (key)
         WHERE collection = ?1 AND partition = ?2 ORDER BY id",
    )?;
    let mut rows = statement.query((place.collection, &place.partition))?;
    let (mut scorer, mut passages, mut lengths) = (Scorer::new(question), 0_u64, 0_u64);
    while let Some(row) = rows.next()? {
        check(deadline)?;
        let (key, length) = (row.get(0)?, row.get(1)?);
        let counts = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        scorer.see(key, length, each_count(counts));
        passages += 1;
        lengths += u64::from(length);
    }
    Ok(scorer.scores(&Partition { passages, average_length: lengths as f64 / passages as f64 }))
}

/// The passages' ids, which ties go by, with their keys.
fn named(at: &Transaction<'_>, keys: impl Iterator<Item = i64>) -> Result<Vec<(String, i64)>, Error> {
    let mut statement = at.prepare_cached("SELECT id FROM vector_passages WHERE key = ?1")?;
    keys.map(|key| Ok((statement.query_row([key], |row| row.get(0))?, key))).collect()
}

fn distance(at: &Transaction<'_>, key: i64, question: &Direction) -> Result<f32, Error> {
    let mut statement = at.prepare_cached("SELECT direction FROM vector_embeddings WHERE key = ?1")?;
    let stored: Vec<u8> = statement.query_row([key], |row| row.get(0))?;
    question.distance(&stored).ok_or_else(|| damaged(format!("embedding {key}")))
}
