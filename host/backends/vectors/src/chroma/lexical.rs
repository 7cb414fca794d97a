//! Finding passages by their words in ChromaDB.
//!
//! The server has no index of words within a partition and gives no BM25. It does find the documents that match a
//! regular expression, so those that may have a word are fetched and scored here, just as in the embedded store. Of
//! a partition of up to 256 passages the scores are the same ones; in a larger one the average length is that of
//! 256 passages, evenly spaced by id. If more than 1,000 passages have any of the words, the 1,000 that have the
//! rarest ones are looked at.
//!
//! In a partition of 10,000 passages the server takes about 25 ms to match, 40 ms to count, and 20 ms for each 1,000
//! passages that match.

use super::{
    Store,
    client::Failure,
    names::Key,
    size,
    wire::{self, Ids, Parts, Row},
    within,
};
use crate::{
    Error, Match,
    direction::Direction,
    fusion::{DEPTH, fuse},
    lexical::{Counts, Partition, Question, Scorer, best, needle},
};
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use tokio::{task::JoinSet, try_join};

/// How many passages are fetched and scored.
const CANDIDATES: usize = 1000;
/// How many passages the average length is taken of.
const SAMPLE: usize = 256;

impl Store {
    pub async fn lexical(&self, partition: &str, words: &str, limit: u32) -> Result<Vec<Match>, Error> {
        within(async {
            let (rows, scores) = self.scores(partition, &Question::of(words)).await?;
            let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.raw.clone(), row)).collect();
            let best = best(&scores, size(limit)).into_iter();
            let matches = best.filter_map(|(key, bm25)| {
                let passage = rows.remove(&key.raw)?.into_passage(partition);
                Some(Match { passage, distance: None, bm25, score: bm25 })
            });
            Ok(matches.collect())
        })
        .await
    }

    pub async fn search(
        &self,
        partition: &str,
        embedding: &[f32],
        words: &str,
        limit: u32,
    ) -> Result<Vec<Match>, Error> {
        let (direction, question) = (Direction::of(embedding), Question::of(words));
        within(async {
            let (nearest, (_, scores)) =
                try_join!(self.candidates(partition, &direction, DEPTH), self.scores(partition, &question))?;
            let nearest: Vec<_> = nearest.into_iter().map(|(key, _)| key).collect();
            let highest: Vec<_> = best(&scores, DEPTH).into_iter().map(|(key, _)| key).collect();
            let scores: HashMap<_, _> = scores.into_iter().map(|(key, score)| (key.raw, score)).collect();
            let mut fused = fuse(&[&nearest, &highest]);
            fused.truncate(size(limit));
            let (raws, fused): (Vec<_>, HashMap<_, _>) =
                fused.into_iter().map(|(key, score)| (key.raw.clone(), (key.raw, score))).unzip();
            let rows = self.rows(Some(partition), &raws, Parts::All).await?;
            let matches = rows.into_iter().filter_map(|row| {
                let score = *fused.get(&row.raw)?;
                let bm25 = scores.get(&row.raw).copied().unwrap_or_default();
                let distance = Some(direction.distance_to(&row.embedding));
                Some(Match { distance, bm25, score, passage: row.into_passage(partition) })
            });
            Ok(matches.collect())
        })
        .await
    }

    /// Passages that may have a word, and the scores of those that do, by id.
    async fn scores(
        &self,
        partition: &str,
        question: &Question,
    ) -> Result<(Vec<Row>, Vec<(Key, f32)>), Failure> {
        if question.is_empty() {
            return Ok(Default::default());
        }
        let (keys, mut holders) =
            try_join!(self.keys(partition, None), self.holding_any(partition, question))?;
        holders.sort_by_cached_key(|raw| Key::of(partition, raw.clone()));
        let sample: Vec<_> = evenly(&keys, SAMPLE).map(|key| key.raw.clone()).collect();
        let (rows, sample) = try_join!(
            self.rows(Some(partition), &holders, Parts::Passage),
            self.rows(Some(partition), &sample, Parts::Passage)
        )?;
        let mut scorer = Scorer::new(question);
        for row in &rows {
            let counts = Counts::of(&row.text);
            scorer.see(Key::of(partition, row.raw.clone()), counts.length(), counts.iter());
        }
        let lengths: f64 = sample.iter().map(|row| f64::from(Counts::of(&row.text).length())).sum();
        // None of the sample has a word: then any of the others has a usual length.
        let average_length = (lengths / sample.len().max(1) as f64).max(1.0);
        let scores = scorer.scores(&Partition { passages: keys.len() as u64, average_length });
        Ok((rows, scores))
    }

    /// The records that may have a term; those with the rarest ones if there are too many.
    async fn holding_any(&self, partition: &str, question: &Question) -> Result<Vec<String>, Failure> {
        let terms = question.terms();
        let holders = self.holding(partition, terms).await?;
        if holders.len() <= CANDIDATES {
            return Ok(holders);
        }
        let mut lists = JoinSet::new();
        for term in terms.iter().cloned() {
            let (store, partition) = (self.clone(), partition.to_owned());
            lists.spawn(
                async move { Ok((store.holding(&partition, std::slice::from_ref(&term)).await?, term)) },
            );
        }
        let mut by_rarity = BTreeMap::new();
        for list in lists.join_all().await {
            let (holders, term): (Vec<String>, String) = list?;
            by_rarity.insert((holders.len(), term), holders);
        }
        let mut taken = HashSet::new();
        let candidates = by_rarity.into_values().flatten().filter(|raw| taken.insert(raw.clone()));
        Ok(candidates.take(CANDIDATES).collect())
    }

    /// Some of the records that may have one of the terms; all, if there are no more than the candidates.
    async fn holding(&self, partition: &str, terms: &[String]) -> Result<Vec<String>, Failure> {
        let wanted = json!({
            "where": wire::condition(partition, None),
            "where_document": {"$regex": expression(terms)},
            "include": [],
            "limit": CANDIDATES + 1,
        });
        Ok(self.collection.post::<Ids>("get", &wanted).await?.ids)
    }
}

/// What texts with any of the terms match, and some others.
fn expression(terms: &[String]) -> String {
    let mut needles: Vec<_> = terms.iter().map(|term| escaped(needle(term))).collect();
    needles.dedup();
    format!("(?i){}", needles.join("|"))
}

/// Terms hold no operator but a point, and yet.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if character.is_ascii_punctuation() && character != '_' {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Up to `most` of them, from the beginning to the end.
fn evenly<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    let taken = all.len().min(most);
    (0..taken).filter_map(move |step| all.get(step * all.len() / taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_no_operators() {
        let terms = ["3.14", "o'clock", "max_turns", "日本", "hors"].map(str::to_owned);
        assert_eq!(expression(&terms), r"(?i)3\.14|o|max_turns|日本|hors");
    }

    #[test]
    fn a_sample_goes_from_the_beginning_to_the_end() {
        let all: Vec<_> = (0..1000).collect();
        assert_eq!(evenly(&all, 4).collect::<Vec<_>>(), [&0, &250, &500, &750]);
        assert_eq!(evenly(&all[..3], 4).collect::<Vec<_>>(), [&0, &1, &2]);
        assert_eq!(evenly(&all[..0], 4).count(), 0);
    }
}
