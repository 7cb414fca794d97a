//! BM25: how well a passage has the words of a question.
//!
//! The formula is Lucene's, and so are k1 and b: on the Cranfield collection they find more than Anserini's 0.9
//! and 0.4 (nDCG@10 of 0.373 and 0.358). What is known of a term's rarity and of the usual length comes from one
//! partition alone: what others keep has no influence on a score.
//!
//! Not here: where passages and their counts are kept (the stores), what a word is (`lexical/words.rs`).

mod counts;
#[cfg(test)]
mod tests;
mod words;

pub use counts::{Counts, each_count};
pub use words::needle;

use std::collections::BTreeSet;

/// How soon more of the same word stops to count.
const K1: f64 = 1.2;
/// How much a long passage has to have more of the words.
const B: f64 = 0.75;
/// How many different terms of a question are looked for.
const TERMS: usize = 64;

/// What is looked for.
pub struct Question {
    /// Different ones, ascending.
    terms: Vec<String>,
}

impl Question {
    /// The first terms of the words. They are plain text: nothing in them is an operator.
    pub fn of(words: &str) -> Self {
        let mut terms = BTreeSet::new();
        for term in words::asked(words) {
            terms.insert(term);
            if terms.len() == TERMS {
                break;
            }
        }
        Self { terms: terms.into_iter().collect() }
    }

    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// What scores are relative to.
pub struct Partition {
    /// How many passages there are.
    pub passages: u64,
    /// How many terms a passage has on average.
    pub average_length: f64,
}

/// Collects how often each passage has each term, then scores them: how rare a term is, is only known when all
/// were seen.
pub struct Scorer<'question, K> {
    question: &'question Question,
    /// For each term, how many passages have it.
    holders: Vec<u64>,
    seen: Vec<Seen<K>>,
    /// The occurrences of all that were seen, in their order.
    occurrences: Vec<Occurrences>,
}

struct Seen<K> {
    key: K,
    length: u32,
    /// How many of the occurrences are its own.
    terms: usize,
}

#[derive(Clone, Copy)]
struct Occurrences {
    term: usize,
    count: u32,
}

impl<'question, K: Clone> Scorer<'question, K> {
    pub fn new(question: &'question Question) -> Self {
        let holders = vec![0; question.terms.len()];
        Self { question, holders, seen: Vec::new(), occurrences: Vec::new() }
    }

    /// Takes in a passage by its counts in ascending order of the terms. One that has none of the question's
    /// costs no memory.
    pub fn see<'count>(&mut self, key: K, length: u32, counts: impl Iterator<Item = (&'count [u8], u32)>) {
        let before = self.occurrences.len();
        let mut wanted = self.question.terms.iter().enumerate().peekable();
        for (term, count) in counts {
            while wanted.next_if(|(_, wanted)| wanted.as_bytes() < term).is_some() {}
            let Some((index, next)) = wanted.peek() else { break };
            if next.as_bytes() == term {
                self.holders[*index] += 1;
                self.occurrences.push(Occurrences { term: *index, count });
            }
        }
        let terms = self.occurrences.len() - before;
        if terms > 0 {
            self.seen.push(Seen { key, length, terms });
        }
    }

    /// The score of each passage that has any of the terms, in the order in which they were seen.
    pub fn scores(&self, partition: &Partition) -> Vec<(K, f32)> {
        let rarities: Vec<_> =
            self.holders.iter().map(|&holders| rarity(partition.passages, holders)).collect();
        let mut occurrences = self.occurrences.iter();
        let mut score = |seen: &Seen<K>| {
            let length = f64::from(seen.length) / partition.average_length;
            let own = occurrences.by_ref().take(seen.terms);
            let terms = own.map(|&Occurrences { term, count }| rarities[term] * saturated(count, length));
            (seen.key.clone(), terms.sum::<f64>() as f32)
        };
        self.seen.iter().map(&mut score).collect()
    }
}

/// The `limit` best of them, best first; of the same score, the one that came first.
pub fn best<K: Clone>(scores: &[(K, f32)], limit: usize) -> Vec<(K, f32)> {
    let mut order: Vec<_> = (0..scores.len()).collect();
    let by_score =
        |&one: &usize, &other: &usize| scores[other].1.total_cmp(&scores[one].1).then(one.cmp(&other));
    if limit < order.len() {
        order.select_nth_unstable_by(limit, by_score);
        order.truncate(limit);
    }
    order.sort_unstable_by(by_score);
    order.into_iter().map(|index| scores[index].clone()).collect()
}

/// Lucene's form of the inverse document frequency, which is never negative.
fn rarity(passages: u64, holders: u64) -> f64 {
    // More holders than passages: they were counted while somebody wrote.
    let others = passages.saturating_sub(holders) as f64;
    (1.0 + (others + 0.5) / (holders as f64 + 0.5)).ln()
}

fn saturated(count: u32, length: f64) -> f64 {
    let count = f64::from(count);
    count / (count + K1 * (1.0 - B + B * length))
}
