//! Figures of measurements that are repeated, and of those that are made in pairs.

/// The middle of some values, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The smallest.
    pub least: f64,
    /// The middle one.
    pub median: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of nothing there is none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let [least, median, most] = [0.0, 0.5, 1.0].map(|share| quantile(values, share));
        Some(Self { least: least?, median: median?, most: most? })
    }
}

/// The smallest of the values that at least this share of them, from 0 to 1, does not exceed. Of nothing there is none.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil().max(1.0);
    sorted.get(rank as usize - 1).copied()
}

/// What the first is to the second in each pair; a value without a partner counts for nothing.
///
/// What else the machine does hits both of a pair, so that these vary less than the values do.
pub fn ratios(first: &[f64], second: &[f64]) -> Vec<f64> {
    first.iter().zip(second).map(|(first, second)| first / second).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values_whatever_their_order() {
        let values = [4.0, 1.0, 3.0, 2.0];
        let quantiles = [0.0, 0.25, 0.26, 0.5, 0.95, 1.0].map(|share| quantile(&values, share));
        assert_eq!(quantiles, [1.0, 1.0, 2.0, 2.0, 4.0, 4.0].map(Some));
        assert_eq!(quantile(&[7.0], 0.95), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_spread_has_the_extremes_and_the_middle() {
        let spread = Spread::of(&[3.0, 9.0, 1.0]);
        assert_eq!(spread, Some(Spread { least: 1.0, median: 3.0, most: 9.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_are_taken_within_pairs() {
        // Both are slower in the second round: the ratio does not see it.
        assert_eq!(ratios(&[10.0, 40.0, 5.0], &[5.0, 20.0]), [2.0, 2.0]);
    }
}
