//! How many there may be at once, of an application's instances or of requests that guests send; further ones wait a
//! while.

use super::Failure;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// The places for them.
#[derive(Debug)]
pub struct Slots {
    places: Arc<Semaphore>,
    total: u32,
    wait: Duration,
}

/// One place, given back when dropped.
pub struct Slot(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Slots {
    /// `total` places, for each of which whoever needs one waits up to `wait`.
    pub fn new(total: u32, wait: Duration) -> Self {
        let places = usize::try_from(total).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), total, wait }
    }

    /// How many places are taken.
    pub fn taken(&self) -> u32 {
        let free = u32::try_from(self.places.available_permits()).unwrap_or(u32::MAX);
        self.total.saturating_sub(free)
    }

    /// A place, as soon as one is free.
    pub async fn take(&self, deadline: Instant) -> Result<Slot, Failure> {
        let until = deadline.min(Instant::now() + self.wait);
        match tokio::time::timeout_at(until, self.places.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Slot(permit)),
            // Invariant: the semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Failure::Overloaded { retry_after: self.wait }),
        }
    }
}
