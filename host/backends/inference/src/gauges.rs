//! Numbers that the engine thread keeps and everyone may read.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::{Load, Usage};

/// A job takes this long before one was seen.
const FIRST_GUESS: Duration = Duration::from_secs(5);
const SHORTEST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// Gauges and counters of one engine.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    running: AtomicU32,
    kv_tokens: AtomicU32,
    kv_capacity: AtomicU32,
    cache_bytes: AtomicU64,
    spilled_bytes: AtomicU64,
    steps: AtomicU64,
    generated: AtomicU64,
    prompt: AtomicU64,
    cached: AtomicU64,
    mean_job_micros: AtomicU64,
}

impl Gauges {
    /// The size of the KV cache, once it is known.
    pub fn set_capacity(&self, tokens: u32) {
        self.kv_capacity.store(tokens, Relaxed);
    }

    /// What is going on after a step.
    pub fn set_activity(&self, running: usize, kv_tokens: usize) {
        self.running.store(u32::try_from(running).unwrap_or(u32::MAX), Relaxed);
        self.kv_tokens.store(u32::try_from(kv_tokens).unwrap_or(u32::MAX), Relaxed);
    }

    /// What is kept of conversations without a slot.
    pub fn set_cache(&self, memory: usize, disk: usize) {
        self.cache_bytes.store(u64::try_from(memory).unwrap_or(u64::MAX), Relaxed);
        self.spilled_bytes.store(u64::try_from(disk).unwrap_or(u64::MAX), Relaxed);
    }

    /// A step was computed.
    pub fn count_step(&self) {
        self.steps.fetch_add(1, Relaxed);
    }

    /// A job left its slot after `took`.
    pub fn count(&self, usage: &Usage, took: Duration) {
        self.generated.fetch_add(usage.completion_tokens.into(), Relaxed);
        self.prompt.fetch_add(usage.prompt_tokens.into(), Relaxed);
        self.cached.fetch_add(usage.cached_tokens.into(), Relaxed);
        let now = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mean = self.mean_job_micros.load(Relaxed);
        let next = if mean == 0 { now } else { mean - mean / 8 + now / 8 };
        self.mean_job_micros.store(next.max(1), Relaxed);
    }

    /// When one of `queued` jobs before `slots` slots will have made room.
    pub fn retry_after(&self, queued: usize, slots: u32) -> Duration {
        let mean = match self.mean_job_micros.load(Relaxed) {
            0 => FIRST_GUESS,
            micros => Duration::from_micros(micros),
        };
        let turns = (queued as f64 + 1.0) / f64::from(slots.max(1));
        // All of the queue is in front of whoever comes now, yet one place is enough to get in:
        // half of it is a fair guess, and spreads those who retry.
        let wait = mean.as_secs_f64() * turns / 2.0;
        Duration::from_secs_f64(wait.min(LONGEST_RETRY.as_secs_f64())).max(SHORTEST_RETRY)
    }

    /// All of it.
    pub fn read(&self, queued: usize, slots: u32) -> Load {
        Load {
            queued: u32::try_from(queued).unwrap_or(u32::MAX),
            running: self.running.load(Relaxed),
            slots,
            kv_tokens: self.kv_tokens.load(Relaxed),
            kv_capacity: self.kv_capacity.load(Relaxed),
            cache_bytes: self.cache_bytes.load(Relaxed),
            spilled_bytes: self.spilled_bytes.load(Relaxed),
            steps: self.steps.load(Relaxed),
            generated_tokens: self.generated.load(Relaxed),
            prompt_tokens: self.prompt.load(Relaxed),
            cached_tokens: self.cached.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_queue_and_longer_jobs_mean_a_later_retry() {
        let gauges = Gauges::default();
        assert!(gauges.retry_after(64, 4) > gauges.retry_after(4, 4));
        gauges.count(&Usage::default(), Duration::from_secs(60));
        let long = gauges.retry_after(8, 4);
        assert!(long > Duration::from_secs(60) && long < Duration::from_secs(90), "{long:?}");
        for _ in 0..100 {
            gauges.count(&Usage::default(), Duration::from_millis(1));
        }
        assert_eq!(gauges.retry_after(8, 4), SHORTEST_RETRY);
    }
}
