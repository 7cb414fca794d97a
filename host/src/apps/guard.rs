//! Whether a canary does worse than what serves, as far as that can be told from chance.
//!
//! Failures are compared by Fisher's exact test, one-sided; times by Welch's test on their logarithms, so that answers
//! of any length count alike. Both are asked again with each request, so the odds at which they speak are far below
//! those of a test that is asked once. Not here: what follows from it (`deploy`).

use corral_telemetry::Outcome;
use serde::Deserialize;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The odds at which failures are taken for no chance.
const ODDS: f64 = 1e-5;
/// Standard errors beyond what is allowed that are taken for no chance.
const APART: f64 = 4.0;
/// Fewer failures say nothing.
const FEWEST_FAILURES: usize = 3;
/// Fewer answers say nothing of times.
const FEWEST_TIMES: usize = 30;
/// With fewer requests to compare with, half of the canary's have to fail, and at least so many of them.
const FEWEST_COMPARED: usize = 20;
const FEWEST_ALONE: usize = 10;
/// Between two comparisons, which take the longer the more there is to compare.
const PAUSE: Duration = Duration::from_millis(100);
/// With no more of the canary's outcomes than this, a failure is looked at when it happens.
const FEW: usize = 64;
/// Outcomes of each side that are remembered at most.
const MOST: usize = 4096;

/// `[deploy.guard]`: when a canary is ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether it is at all.
    pub enabled: bool,
    /// How long an outcome counts.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// How many times as long as what serves a canary may take for an answer; 0 is any time.
    pub latency: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, window: Duration::from_mins(10), latency: 1.5 }
    }
}

/// Who has answered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The generation that serves.
    Serving,
    /// The one on trial.
    Canary,
}

/// Requests and failures of both sides within the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that the canary has answered.
    pub canary: usize,
    /// Those of them that failed.
    pub canary_failed: usize,
    /// Requests that the generation that serves has answered meanwhile.
    pub serving: usize,
    /// Those of them that failed.
    pub serving_failed: usize,
}

/// Watches both sides.
pub struct Guard {
    settings: Settings,
    canary: VecDeque<(Instant, Outcome)>,
    serving: VecDeque<(Instant, Outcome)>,
    /// When both sides were compared last.
    compared: Option<Instant>,
}

impl Guard {
    /// Nothing is known yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, canary: VecDeque::new(), serving: VecDeque::new(), compared: None }
    }

    /// Takes an outcome, and says what is wrong with the canary if that is clear by now.
    pub fn observe(&mut self, now: Instant, side: Side, outcome: Outcome) -> Option<String> {
        let outcomes = match side {
            Side::Serving => &mut self.serving,
            Side::Canary => &mut self.canary,
        };
        if outcomes.len() == MOST {
            outcomes.pop_front();
        }
        outcomes.push_back((now, outcome));
        for outcomes in [&mut self.serving, &mut self.canary] {
            while outcomes.front().is_some_and(|(at, _)| now.duration_since(*at) > self.settings.window) {
                outcomes.pop_front();
            }
        }
        // Only what the canary does can speak against it.
        if side == Side::Serving || !self.settings.enabled {
            return None;
        }
        let due = self.compared.is_none_or(|compared| now.duration_since(compared) >= PAUSE);
        let at_once = outcome.failed && self.canary.len() <= FEW;
        if !due && !at_once {
            return None;
        }
        self.compared = Some(now);
        self.failures().or_else(|| self.times())
    }

    /// What was counted within the window.
    pub fn tally(&self) -> Tally {
        let failed = |outcomes: &VecDeque<(Instant, Outcome)>| {
            outcomes.iter().filter(|(_, outcome)| outcome.failed).count()
        };
        Tally {
            canary: self.canary.len(),
            canary_failed: failed(&self.canary),
            serving: self.serving.len(),
            serving_failed: failed(&self.serving),
        }
    }

    fn failures(&self) -> Option<String> {
        let Tally { canary, canary_failed, serving, serving_failed } = self.tally();
        let worse = if serving < FEWEST_COMPARED {
            canary_failed >= FEWEST_ALONE && canary_failed * 2 >= canary
        } else {
            let by_chance = chance(canary, canary_failed, serving, serving_failed);
            canary_failed >= FEWEST_FAILURES && by_chance < ODDS
        };
        worse.then(|| {
            format!(
                "{canary_failed} of {canary} requests failed, {serving_failed} of {serving} with what serves"
            )
        })
    }

    fn times(&self) -> Option<String> {
        let (canary, serving) = (times(&self.canary), times(&self.serving));
        let most = self.settings.latency;
        if most <= 0.0 || canary.len() < FEWEST_TIMES || serving.len() < FEWEST_TIMES {
            return None;
        }
        let ((slow, slow_error), (usual, usual_error)) = (mean(&canary), mean(&serving));
        let error = (slow_error + usual_error).sqrt().max(f64::EPSILON);
        let worse = (slow - usual - most.ln()) / error > APART;
        worse.then(|| {
            let (slow, usual) = (slow.exp() * 1e3, usual.exp() * 1e3);
            format!("an answer takes {slow:.0} ms, {usual:.0} ms with what serves (geometric means)")
        })
    }
}

/// The logarithms of the answers' times in seconds.
fn times(outcomes: &VecDeque<(Instant, Outcome)>) -> Vec<f64> {
    let times = outcomes.iter().filter_map(|(_, outcome)| outcome.answered);
    // Below a millisecond it is noise.
    times.map(|time| time.as_secs_f64().max(1e-3).ln()).collect()
}

/// The mean, and the square of its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

/// The odds of at least `failed` failures among the canary's requests, if failures have nothing to do with who answers
/// (the tail of the hypergeometric distribution).
fn chance(canary: usize, canary_failed: usize, serving: usize, serving_failed: usize) -> f64 {
    let failed = canary_failed + serving_failed;
    let logarithms = factorials(canary + serving);
    let choose = |of: usize, take: usize| logarithms[of] - logarithms[take] - logarithms[of - take];
    let all = choose(canary + serving, failed);
    (canary_failed..=failed.min(canary))
        .filter(|among| failed - among <= serving)
        .map(|among| (choose(canary, among) + choose(serving, failed - among) - all).exp())
        .sum()
}

/// The natural logarithms of the factorials up to `most`.
fn factorials(most: usize) -> Vec<f64> {
    let mut sum = 0.0;
    let mut logarithms = vec![0.0];
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    logarithms.extend((1..=most).map(|number| {
        sum += (number as f64).ln();
        sum
    }));
    logarithms
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from 0 to 1, the same in every run (Marsaglia's xorshift).
    struct Chance(u64);

    impl Chance {
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// After how many of 2,000 requests, one in ten the canary's, the guard speaks.
    fn spoken(seed: u64, failing: (f64, f64), slower: f64) -> Option<usize> {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut guard = Guard::new(Settings::default());
        let begun = Instant::now();
        (0..2000).find(|request| {
            let now = begun + PAUSE * u32::try_from(*request).unwrap();
            let (side, failing, slower) = match chance.next() < 0.1 {
                true => (Side::Canary, failing.1, slower),
                false => (Side::Serving, failing.0, 1.0),
            };
            // From half a second to ten, as answers take.
            let answered = Some(Duration::from_secs_f64(0.5 * 20_f64.powf(chance.next()) * slower));
            guard.observe(now, side, Outcome { failed: chance.next() < failing, answered }).is_some()
        })
    }

    fn alarms(failing: (f64, f64), slower: f64) -> usize {
        (1..=200).filter(|seed| spoken(*seed, failing, slower).is_some()).count()
    }

    #[test]
    fn noise_is_no_alarm() {
        assert_eq!(alarms((0.0, 0.0), 1.0), 0);
        assert_eq!(alarms((0.05, 0.05), 1.0), 0);
        assert_eq!(alarms((0.3, 0.3), 1.0), 0, "where much fails, much of the canary's fails too");
        assert_eq!(alarms((0.01, 0.01), 1.2), 0, "slower, but not by as much as is allowed");
    }

    #[test]
    fn what_is_worse_is_noticed_soon() {
        assert_eq!(alarms((0.01, 0.2), 1.0), 200);
        assert_eq!(alarms((0.0, 0.0), 3.0), 200);
        let soon = (1..=50).filter_map(|seed| spoken(seed, (0.0, 1.0), 1.0)).max();
        assert!(soon.is_some_and(|requests| requests < 120), "{soon:?}");
    }

    #[test]
    fn without_anything_to_compare_with_half_have_to_fail() {
        let mut guard = Guard::new(Settings::default());
        let (now, failed) = (Instant::now(), Outcome { failed: true, answered: None });
        let spoken = (0..20).position(|_| guard.observe(now, Side::Canary, failed).is_some());
        assert_eq!(spoken, Some(FEWEST_ALONE - 1));
    }

    #[test]
    fn what_was_long_ago_does_not_count_and_a_guard_may_be_off() {
        let mut guard = Guard::new(Settings::default());
        let (now, failed) = (Instant::now(), Outcome { failed: true, answered: None });
        for _ in 0..9 {
            assert_eq!(guard.observe(now, Side::Canary, failed), None);
        }
        let later = now + Duration::from_mins(11);
        assert_eq!(guard.observe(later, Side::Canary, failed), None);
        assert_eq!(guard.tally(), Tally { canary: 1, canary_failed: 1, ..Tally::default() });

        let mut off = Guard::new(Settings { enabled: false, ..Settings::default() });
        assert!((0..100).all(|_| off.observe(now, Side::Canary, failed).is_none()));
    }

    #[test]
    fn the_exact_test_is_exact() {
        // Fisher's lady tasting tea: all of four right by chance, 1 in 70.
        assert!((chance(4, 4, 4, 0) - 1.0 / 70.0).abs() < 1e-12);
        assert!((chance(4, 3, 4, 1) - 17.0 / 70.0).abs() < 1e-12);
        assert!((chance(10, 0, 10, 5) - 1.0).abs() < 1e-9);
    }
}
