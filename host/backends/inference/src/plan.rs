//! Decides how many tokens of which slot the next step computes.
//!
//! Pure: needs in, counts out. Not here: the batch itself (`worker`).

use std::time::Duration;

/// What a slot has to have computed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Nothing,
    /// The token that it just chose.
    Decode,
    /// So many tokens of its prompt.
    Prefill(usize),
}

/// A step that others wait for in the middle of their answers takes about this long.
const SHARED_STEP: Duration = Duration::from_millis(250);
/// A step that nobody waits for, yet who comes next waits for its end, and a cancelled prompt holds
/// the engine until then.
const LONE_STEP: Duration = Duration::from_secs(1);
/// Smaller pieces of a prompt waste too much of each step.
const MIN_PREFILL: usize = 32;

/// How fast prompts are read here, and what that means for the size of a step.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    seconds_per_token: Option<f64>,
    lone_limit: Option<usize>,
}

impl Pace {
    /// Learns from a step that computed `tokens`. Small steps say nothing about long ones.
    pub fn learn(&mut self, tokens: usize, took: Duration) {
        if tokens < MIN_PREFILL {
            return;
        }
        let now = took.as_secs_f64() / tokens as f64;
        self.seconds_per_token = Some(self.seconds_per_token.map_or(now, |mean| mean * 0.75 + now * 0.25));
    }

    /// Fixes the limit of steps that nobody waits for. Where a prompt is cut changes the last bits of
    /// what is computed, so a prompt that is alone is always cut at the same places.
    pub fn settle(&mut self, n_batch: usize) {
        let tokens = self.tokens_in(LONE_STEP);
        self.lone_limit = tokens.filter(|&tokens| tokens < n_batch).map(|tokens| 1 << tokens.ilog2());
    }

    /// Prompt tokens for the next step: all of `n_batch`, less where that would take too long.
    pub fn prefill_limit(&self, n_batch: usize, others_wait: bool) -> usize {
        let limit = if others_wait { self.tokens_in(SHARED_STEP) } else { self.lone_limit };
        limit.unwrap_or(n_batch).min(n_batch)
    }

    fn tokens_in(&self, step: Duration) -> Option<usize> {
        let seconds_per_token = self.seconds_per_token.filter(|&seconds| seconds > 0.0)?;
        // A number too large for the type becomes its largest.
        Some(((step.as_secs_f64() / seconds_per_token) as usize).max(MIN_PREFILL))
    }
}

/// Tokens for each slot: one for every `Decode`, and what is left is shared fairly among the
/// `Prefill`s, at most `prefill_limit` for all of them together.
pub(crate) fn plan(needs: &[Need], n_batch: usize, prefill_limit: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = needs.iter().map(|need| usize::from(*need == Need::Decode)).collect();
    let decoding: usize = counts.iter().sum();
    let mut budget = n_batch.saturating_sub(decoding).min(prefill_limit);
    // The shortest first: what one does not use goes to those after it.
    let mut waiting: Vec<(usize, usize)> = needs
        .iter()
        .enumerate()
        .filter_map(|(slot, need)| match need {
            Need::Prefill(tokens) => Some((*tokens, slot)),
            Need::Nothing | Need::Decode => None,
        })
        .collect();
    waiting.sort_unstable();
    for (done, &(tokens, slot)) in waiting.iter().enumerate() {
        let share = budget.div_ceil(waiting.len() - done);
        counts[slot] = tokens.min(share);
        budget -= counts[slot];
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use Need::{Decode, Nothing, Prefill};

    #[test]
    fn a_long_prompt_does_not_stall_the_others() {
        assert_eq!(plan(&[Decode, Prefill(5000), Decode, Nothing], 512, 512), [1, 510, 1, 0]);
        assert_eq!(plan(&[Decode, Prefill(5000)], 512, 64), [1, 64]);
    }

    #[test]
    fn prompts_share_a_step_and_a_short_one_leaves_its_rest() {
        assert_eq!(plan(&[Prefill(5000), Prefill(5000)], 512, 512), [256, 256]);
        assert_eq!(plan(&[Prefill(5000), Prefill(12)], 512, 512), [500, 12]);
        assert_eq!(plan(&[Prefill(9), Prefill(9), Prefill(9)], 10, 10).iter().sum::<usize>(), 10);
    }

    #[test]
    fn a_step_never_exceeds_the_batch() {
        assert_eq!(plan(&[Decode, Decode], 2, 2), [1, 1]);
        assert_eq!(plan(&[Decode, Decode, Prefill(3)], 2, 2), [1, 1, 0]);
    }

    #[test]
    fn the_pace_bounds_a_step_only_where_the_machine_is_slow() {
        let mut pace = Pace::default();
        assert_eq!(pace.prefill_limit(512, true), 512);
        pace.learn(512, Duration::from_millis(20));
        pace.settle(512);
        assert_eq!(pace.prefill_limit(512, false), 512);
        assert_eq!(pace.prefill_limit(512, true), 512);
        let mut slow = Pace::default();
        slow.learn(100, Duration::from_secs(1));
        slow.settle(512);
        assert_eq!(slow.prefill_limit(512, true), 32);
        assert_eq!(slow.prefill_limit(512, false), 64);
        slow.learn(1, Duration::from_secs(9));
        for _ in 0..9 {
            slow.learn(512, Duration::from_secs(1));
        }
        assert!(slow.prefill_limit(512, true) > 32);
        assert_eq!(slow.prefill_limit(512, false), 64);
    }
}
