//! Reciprocal rank fusion: one ranking of several, by places and not by scores, which have no common measure.
//!
//! After Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
//! Methods", SIGIR 2009, with their k.

use crate::limits::HITS;
use std::collections::BTreeMap;

/// How many of each ranking are looked at, whatever was asked for: one that both have, deep down, may be the best.
pub const DEPTH: usize = HITS as usize;

/// How little the first places are worth more than the next.
const K: f64 = 60.0;

/// What the rankings hold, best first, with the sum of what its places are worth. Of the same sum the smaller
/// name comes first.
pub fn fuse<K: Ord + Clone>(rankings: &[&[K]]) -> Vec<(K, f32)> {
    let mut sums = BTreeMap::<&K, f64>::new();
    for ranking in rankings {
        for (place, name) in (1..).zip(ranking.iter()) {
            *sums.entry(name).or_default() += worth(place);
        }
    }
    let mut fused: Vec<_> = sums.into_iter().collect();
    // Stable: the names ascend.
    fused.sort_by(|one, other| other.1.total_cmp(&one.1));
    fused.into_iter().map(|(name, sum)| (name.clone(), sum as f32)).collect()
}

fn worth(place: u32) -> f64 {
    1.0 / (K + f64::from(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(fused: &[(&str, f32)]) -> Vec<String> {
        fused.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    #[test]
    fn what_both_have_beats_what_one_has() {
        let fused = fuse(&[&["a", "b", "c"], &["d", "c"]]);
        assert_eq!(names(&fused), ["c", "a", "d", "b"]);
        assert!((f64::from(fused[0].1) - (1.0 / 63.0 + 1.0 / 62.0)).abs() < 1e-8);
        assert!((f64::from(fused[1].1) - 1.0 / 61.0).abs() < 1e-8);
    }

    #[test]
    fn ties_go_by_name_whichever_ranking_comes_first() {
        assert_eq!(names(&fuse(&[&["y", "x"], &["x", "y"]])), ["x", "y"]);
        assert_eq!(fuse(&[&["y", "x"], &["x", "z"]]), fuse(&[&["x", "z"], &["y", "x"]]));
    }

    #[test]
    fn nothing_fuses_to_nothing() {
        assert_eq!(fuse::<&str>(&[&[], &[]]), []);
        assert_eq!(names(&fuse(&[&["a"], &[]])), ["a"]);
    }
}
