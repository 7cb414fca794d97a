//! The best few of many, without holding the many.

use std::{cmp::Ordering, collections::BinaryHeap};

/// Keeps the `limit` candidates with the smallest distance of all that were offered.
pub struct Nearest {
    limit: usize,
    /// The farthest on top: it is the one that a better candidate replaces.
    kept: BinaryHeap<Candidate>,
}

/// A row of the passages, and how far it is from the question.
#[derive(Clone, Copy)]
pub struct Candidate {
    pub distance: f32,
    pub key: i64,
}

impl Nearest {
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: BinaryHeap::with_capacity(limit + 1) }
    }

    pub fn offer(&mut self, candidate: Candidate) {
        if self.kept.len() == self.limit && self.kept.peek().is_none_or(|farthest| candidate >= *farthest) {
            return;
        }
        self.kept.push(candidate);
        if self.kept.len() > self.limit {
            self.kept.pop();
        }
    }

    /// Nearest first; of the same distance, the one that was stored first.
    pub fn into_sorted(self) -> Vec<Candidate> {
        self.kept.into_sorted_vec()
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.key.cmp(&other.key))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}
