//! What goes on and what was done, for metrics; and how many answers may wait for their first token.

use std::sync::{
    Arc,
    atomic::{
        AtomicU32, AtomicU64,
        Ordering::{AcqRel, Relaxed},
    },
};

use crate::{Load, Usage};

/// Gauges and counters of all servers together.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    waiting: AtomicU32,
    running: AtomicU32,
    generated: AtomicU64,
    prompt: AtomicU64,
    cached: AtomicU64,
}

impl Gauges {
    /// A place for an answer, unless `most` of them wait for their first token already.
    pub fn enter(self: &Arc<Self>, most: usize) -> Option<Place> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let more = |waiting: u32| (waiting < most).then_some(waiting + 1);
        self.waiting.fetch_update(AcqRel, Relaxed, more).ok()?;
        Some(Place { gauges: Arc::clone(self), is_running: false })
    }

    /// Counts an answer that was complete.
    pub fn count(&self, usage: &Usage) {
        self.generated.fetch_add(usage.completion_tokens.into(), Relaxed);
        self.prompt.fetch_add(usage.prompt_tokens.into(), Relaxed);
        self.cached.fetch_add(usage.cached_tokens.into(), Relaxed);
    }

    /// All that can be known here; the caches are the servers'.
    pub fn read(&self, slots: u32) -> Load {
        Load {
            queued: self.waiting.load(Relaxed),
            running: self.running.load(Relaxed),
            slots,
            generated_tokens: self.generated.load(Relaxed),
            prompt_tokens: self.prompt.load(Relaxed),
            cached_tokens: self.cached.load(Relaxed),
            ..Load::default()
        }
    }
}

/// An answer's place, first among those that wait and then among those that run.
#[derive(Debug)]
pub(super) struct Place {
    gauges: Arc<Gauges>,
    is_running: bool,
}

impl Place {
    /// The first token has come.
    pub fn run(&mut self) {
        if !self.is_running {
            self.is_running = true;
            self.gauges.waiting.fetch_sub(1, Relaxed);
            self.gauges.running.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let left = if self.is_running { &self.gauges.running } else { &self.gauges.waiting };
        left.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_wait_are_bounded_and_those_that_run_are_not() {
        let gauges = Arc::new(Gauges::default());
        let mut first = gauges.enter(1).unwrap();
        assert!(gauges.enter(1).is_none());
        first.run();
        let second = gauges.enter(1).unwrap();
        assert_eq!((gauges.read(0).queued, gauges.read(0).running), (1, 1));
        drop((first, second));
        assert_eq!(gauges.read(3), Load { slots: 3, ..Load::default() });
    }
}
