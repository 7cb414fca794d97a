//! One server: how it is, what it has to do, and when to leave it alone.
//!
//! Not here: finding out how it is (`health`), choosing among several (`choice`).

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, watch};

use super::{
    address::Address,
    choice::{Candidate, Standing},
    facts::Facts,
    failure::Failure,
};

/// The longest that a server that has no place is left alone.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How a server is.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// It was not asked yet.
    Unknown,
    /// It works.
    Up(Arc<Facts>),
    /// It did not answer as it should when it was asked last, and why.
    Down(String),
}

/// One server.
pub(super) struct Upstream {
    pub address: Address,
    state: Mutex<State>,
    /// Told whenever the state of any server changes.
    changes: watch::Sender<()>,
    /// Requests that it has not answered to the end.
    under_way: AtomicU32,
    /// Until then it is only asked if no other can be.
    rests_until: Mutex<Instant>,
    /// When a piece of an answer came last.
    heard: Mutex<Option<Instant>>,
    /// Wakes whoever finds out how it is.
    suspicion: Notify,
}

impl Upstream {
    pub fn new(address: Address, changes: watch::Sender<()>) -> Self {
        Self {
            address,
            state: Mutex::new(State::Unknown),
            changes,
            under_way: AtomicU32::new(0),
            rests_until: Mutex::new(Instant::now()),
            heard: Mutex::default(),
            suspicion: Notify::new(),
        }
    }

    /// How it is.
    pub fn state(&self) -> State {
        lock(&self.state).clone()
    }

    /// What is known of it, while it works.
    pub fn facts(&self) -> Option<Arc<Facts>> {
        match &*lock(&self.state) {
            State::Up(facts) => Some(Arc::clone(facts)),
            State::Unknown | State::Down(_) => None,
        }
    }

    /// Notes how it is now. One that comes back is chosen again at once.
    pub fn set(&self, state: State) {
        if matches!((&*lock(&self.state), &state), (State::Down(_), State::Up(_))) {
            *lock(&self.rests_until) = Instant::now();
        }
        *lock(&self.state) = state;
        self.changes.send_replace(());
    }

    /// Notes that it failed a request: others are asked first for a while, and someone looks after it.
    pub fn failed(&self, failure: &Failure, rest: Duration) {
        let rest = match failure {
            Failure::Refused(_) | Failure::Overflow { .. } => return,
            Failure::Busy { retry_after } => (*retry_after).min(LONGEST_REST),
            Failure::Late { .. } | Failure::Unfit(_) | Failure::Failed(_) => {
                self.suspicion.notify_one();
                rest
            }
        };
        *lock(&self.rests_until) = Instant::now() + rest;
        match failure {
            // Whoever asked is told so, and many may ask.
            Failure::Busy { .. } => tracing::debug!(server = %self.address, "a model's server is full"),
            failure => tracing::warn!(server = %self.address, %failure, "a model's server gave no answer"),
        }
    }

    /// Notes that a piece of an answer came.
    pub fn heard(&self) {
        *lock(&self.heard) = Some(Instant::now());
    }

    /// Whether a piece of an answer came since then.
    pub fn was_heard_since(&self, then: Instant) -> bool {
        lock(&self.heard).is_some_and(|heard| heard >= then)
    }

    /// Waits until it failed a request.
    pub async fn suspected(&self) {
        self.suspicion.notified().await;
    }

    /// How it stands in a choice.
    pub fn candidate(&self, index: usize, was_tried: bool) -> Candidate {
        let rests = *lock(&self.rests_until) > Instant::now();
        let standing = match (was_tried, rests) {
            (true, _) => Standing::Tried,
            (false, true) => Standing::Resting,
            (false, false) => Standing::Fresh,
        };
        Candidate { index, standing, under_way: self.under_way.load(Relaxed) }
    }

    /// Gives it something to do, until the turn is dropped.
    pub fn turn(self: &Arc<Self>, index: usize, facts: Arc<Facts>) -> Turn {
        self.under_way.fetch_add(1, Relaxed);
        Turn { upstream: Arc::clone(self), facts, index }
    }
}

/// A request that a server has.
pub(super) struct Turn {
    pub upstream: Arc<Upstream>,
    /// As the server was when it got the request.
    pub facts: Arc<Facts>,
    /// Which server it is.
    pub index: usize,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.upstream.under_way.fetch_sub(1, Relaxed);
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is complete at once, so what a panic left is sound.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_before_does_not_count() {
        let address = Address::parse("http://127.0.0.1:1/v1").unwrap();
        let upstream = Upstream::new(address, watch::Sender::new(()));
        let before = Instant::now();
        assert!(!upstream.was_heard_since(before));
        upstream.heard();
        assert!(upstream.was_heard_since(before));
        assert!(!upstream.was_heard_since(Instant::now() + Duration::from_secs(1)));
    }
}
