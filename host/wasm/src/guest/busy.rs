//! How long a guest computes, as opposed to waits for the host.
//!
//! Epochs also tick while a guest waits, so a plain epoch deadline would end idle streams. Here
//! the guest's future is timed poll by poll, and the epoch callback compares the sum.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use wasmtime::{StoreContextMut, UpdateDeadline};

/// The busy time of one guest, and its bound.
pub struct Busy {
    clock: Arc<Clock>,
    budget: Duration,
}

/// Nanoseconds since `epoch`; only the thread that polls the guest writes them.
struct Clock {
    epoch: Instant,
    polled_at: AtomicU64,
    spent: AtomicU64,
}

impl Busy {
    /// Nothing spent yet.
    pub fn new(budget: Duration) -> Self {
        let clock = Clock { epoch: Instant::now(), polled_at: AtomicU64::new(0), spent: AtomicU64::new(0) };
        Self { clock: Arc::new(clock), budget }
    }

    /// Yields to other guests at each tick, and interrupts a guest that has spent its budget.
    pub fn callback<T>(
        &self,
    ) -> impl FnMut(StoreContextMut<'_, T>) -> wasmtime::Result<UpdateDeadline> + Send + Sync + 'static {
        let clock = self.clock.clone();
        let budget = self.budget;
        move |_store| {
            Ok(if clock.total() > budget {
                UpdateDeadline::Interrupt
            } else {
                UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
            })
        }
    }

    /// Times each poll of the guest.
    pub async fn measure<F: Future>(&self, guest: F) -> F::Output {
        let mut guest = pin!(guest);
        std::future::poll_fn(|context| self.poll(guest.as_mut(), context)).await
    }

    fn poll<F: Future>(&self, guest: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.clock.begin();
        let polled = guest.poll(context);
        self.clock.end();
        polled
    }
}

impl Clock {
    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn begin(&self) {
        self.polled_at.store(self.now(), Relaxed);
    }

    fn end(&self) {
        self.spent.store(self.spent_now(), Relaxed);
    }

    fn spent_now(&self) -> u64 {
        self.spent.load(Relaxed) + self.now().saturating_sub(self.polled_at.load(Relaxed))
    }

    /// Called within a poll.
    fn total(&self) -> Duration {
        Duration::from_nanos(self.spent_now())
    }
}
