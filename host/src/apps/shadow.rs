//! What a canary in the shadow has answered, compared with what was answered to people.

use corral_wasm::guest::slots::Slots;
use serde::Serialize;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Turns that are answered once more at the same time. What comes meanwhile is left out: those who are answered do not
/// wait for it.
pub const AT_ONCE: u32 = 2;

/// A place for one more turn.
pub type Place = OwnedSemaphorePermit;

/// How two answers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Letter by letter.
    Same,
    /// Two answers.
    Other,
    /// The canary had none.
    Failed,
}

/// The counts, and the places.
pub struct Shadow {
    places: Arc<Semaphore>,
    slots: Arc<Slots>,
    same: AtomicU64,
    other: AtomicU64,
    failed: AtomicU64,
    skipped: AtomicU64,
}

/// The counts at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Answers that were the same.
    pub same: u64,
    /// Answers that were not.
    pub other: u64,
    /// Turns that the canary had no answer to.
    pub failed: u64,
    /// Turns that it was not given, for want of a place.
    pub skipped: u64,
}

impl Compared {
    /// A fixed word for the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Other => "other",
            Self::Failed => "failed",
        }
    }
}

impl Shadow {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE as usize)),
            slots: Arc::new(Slots::new(AT_ONCE, Duration::ZERO)),
            same: AtomicU64::new(0),
            other: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        }
    }

    /// A place, if there is one now.
    pub fn place(&self) -> Option<Place> {
        let place = self.places.clone().try_acquire_owned().ok();
        if place.is_none() {
            self.skipped.fetch_add(1, Relaxed);
        }
        place
    }

    /// The instances that go with the places.
    pub fn slots(&self) -> &Arc<Slots> {
        &self.slots
    }

    /// A turn was answered twice.
    pub fn count(&self, compared: Compared) {
        let count = match compared {
            Compared::Same => &self.same,
            Compared::Other => &self.other,
            Compared::Failed => &self.failed,
        };
        count.fetch_add(1, Relaxed);
    }

    /// The counts now.
    pub fn counts(&self) -> Counts {
        Counts {
            same: self.same.load(Relaxed),
            other: self.other.load(Relaxed),
            failed: self.failed.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_place_is_counted_and_left_out() {
        let shadow = Shadow::new();
        let places: Vec<_> = (0..AT_ONCE).map(|_| shadow.place().unwrap()).collect();
        assert!(shadow.place().is_none());
        drop(places);
        assert!(shadow.place().is_some());
        shadow.count(Compared::Other);
        assert_eq!(shadow.counts(), Counts { other: 1, skipped: 1, ..Counts::default() });
    }
}
