//! What each stage of a deployment takes.

use super::refusal::Stage;
use std::time::{Duration, Instant};

/// A watch that is looked at when a stage ends.
pub(super) struct Laps {
    since: Instant,
    ended: Vec<(Stage, Duration)>,
}

impl Laps {
    /// The first stage begins.
    pub fn begin() -> Self {
        Self { since: Instant::now(), ended: Vec::new() }
    }

    /// A stage has ended, and the next one begins.
    pub fn end(&mut self, stage: Stage) {
        let now = Instant::now();
        self.ended.push((stage, now - self.since));
        self.since = now;
    }

    /// The stages that have ended, in their order.
    pub fn ended(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        self.ended.iter().map(|(stage, took)| (stage.name(), *took))
    }
}
