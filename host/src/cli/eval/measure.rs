//! How good a ranking is, as trec_eval defines it.

use super::corpus::Judged;
use serde::Serialize;
use std::ops::{AddAssign, Div};

/// Of one ranking, or the mean of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Measures {
    /// What the places are worth, of what the best order would be: 0 to 1.
    pub(super) ndcg: f64,
    /// How many of the relevant passages are found: 0 to 1.
    pub(super) recall: f64,
}

/// Measures the first `k` of a ranking, best first. Some passage has to be relevant.
pub(super) fn measure<'id>(found: impl IntoIterator<Item = &'id str>, judged: &Judged, k: usize) -> Measures {
    let gains: Vec<_> = found.into_iter().take(k).map(|id| gain(judged.get(id))).collect();
    let mut best: Vec<_> = judged.values().map(|score| gain(Some(score))).collect();
    best.sort_by(|one, other| other.total_cmp(one));
    let relevant = |gains: &[f64]| gains.iter().filter(|&&gain| gain > 0.0).count() as f64;
    let recall = relevant(&gains) / relevant(&best);
    best.truncate(k);
    Measures { ndcg: discounted(&gains) / discounted(&best), recall }
}

/// The score itself; what is not relevant gains nothing, and loses nothing.
fn gain(score: Option<&i64>) -> f64 {
    score.copied().unwrap_or(0).max(0) as f64
}

fn discounted(gains: &[f64]) -> f64 {
    (2..).zip(gains).map(|(place, gain): (u32, _)| gain / f64::from(place).log2()).sum()
}

impl AddAssign for Measures {
    fn add_assign(&mut self, other: Self) {
        self.ndcg += other.ndcg;
        self.recall += other.recall;
    }
}

impl Div<f64> for Measures {
    type Output = Self;

    fn div(self, by: f64) -> Self {
        Self { ndcg: self.ndcg / by, recall: self.recall / by }
    }
}
