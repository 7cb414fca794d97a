//! Turns that wait until the store takes them.
//!
//! Kept in memory only: what is still here when the program ends is lost. Not here: when a turn is
//! handed over to wait (the caller decides), and what makes appending twice harmless (the store).

use crate::{Error, Turn, store::Store};
use backon::{BackoffBuilder, ExponentialBuilder};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Notify, task::AbortHandle, time::sleep};

/// How much may wait, and for how long.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub turns: usize,
    pub bytes: usize,
    pub age: Duration,
}

pub const BOUNDS: Bounds = Bounds { turns: 1024, bytes: 64 << 20, age: Duration::from_secs(600) };

/// Counted for a waiting turn beside its texts.
const FRAME_BYTES: usize = 256;

/// Waiting turns and the task that brings them to the store; it ends when this is dropped.
pub struct Outbox {
    queue: Arc<Queue>,
    worker: AbortHandle,
}

impl Outbox {
    /// Needs a Tokio runtime.
    pub fn start(store: Store, bounds: Bounds) -> Self {
        let queue = Arc::new(Queue { bounds, waiting: Mutex::default(), arrival: Notify::new() });
        let worker = tokio::spawn(work(Arc::clone(&queue), store)).abort_handle();
        Self { queue, worker }
    }

    /// False if it is full. A turn that waits already is not put in again.
    pub fn push(&self, id: &str, turn: Turn, turn_id: &str, replaces: Option<u32>) -> bool {
        let (turn, since) = (Arc::new(turn), Instant::now());
        let entry = Entry { id: id.into(), turn_id: turn_id.into(), turn, replaces, since };
        let accepted = self.queue.push(entry);
        if accepted {
            self.queue.arrival.notify_one();
        }
        accepted
    }

    pub fn waiting(&self) -> usize {
        self.queue.lock().entries.len()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

struct Queue {
    bounds: Bounds,
    waiting: Mutex<Waiting>,
    /// Told of each turn that was put in.
    arrival: Notify,
}

#[derive(Default)]
struct Waiting {
    /// In the order in which they came, which is the order of the turns of a session.
    entries: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Clone)]
struct Entry {
    id: Arc<str>,
    turn_id: Arc<str>,
    turn: Arc<Turn>,
    replaces: Option<u32>,
    since: Instant,
}

impl Entry {
    fn size(&self) -> usize {
        FRAME_BYTES + self.id.len() + self.turn_id.len() + self.turn.user.len() + self.turn.ai.len()
    }

    fn is(&self, other: &Self) -> bool {
        self.id == other.id && self.turn_id == other.turn_id
    }
}

impl Queue {
    fn push(&self, entry: Entry) -> bool {
        let mut waiting = self.lock();
        if waiting.entries.iter().any(|other| other.is(&entry)) {
            return true;
        }
        let bytes = waiting.bytes.saturating_add(entry.size());
        if waiting.entries.len() >= self.bounds.turns || bytes > self.bounds.bytes {
            return false;
        }
        waiting.bytes = bytes;
        waiting.entries.push_back(entry);
        true
    }

    fn remove(&self, entry: &Entry) {
        let mut waiting = self.lock();
        if let Some(at) = waiting.entries.iter().position(|other| other.is(entry)) {
            waiting.entries.remove(at);
            waiting.bytes = waiting.bytes.saturating_sub(entry.size());
        }
    }

    fn all(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code panics while it holds the lock, so what is in there is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn work(queue: Arc<Queue>, store: Store) {
    loop {
        queue.arrival.notified().await;
        let mut delays = delays();
        loop {
            let before = queue.lock().entries.len();
            round(&queue, &store).await;
            let left = queue.lock().entries.len();
            if left == 0 {
                break;
            }
            if left < before {
                delays = self::delays();
            }
            tokio::select! {
                () = sleep(delays.next().unwrap_or(LONGEST_DELAY)) => {}
                // A new one does not wait for the end of a delay that others have brought about.
                () = queue.arrival.notified() => sleep(SHORTEST_DELAY).await,
            }
        }
    }
}

const SHORTEST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

fn delays() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(SHORTEST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Tries each waiting turn once; of a session that does not take one, no later one.
async fn round(queue: &Queue, store: &Store) {
    let mut failing = BTreeSet::new();
    for entry in queue.all() {
        if entry.since.elapsed() >= queue.bounds.age {
            tracing::warn!("a turn was given up: the session store did not take it in time");
            queue.remove(&entry);
            continue;
        }
        if failing.contains(&entry.id) {
            continue;
        }
        match store.append(&entry.id, Turn::clone(&entry.turn), &entry.turn_id, entry.replaces).await {
            Ok(_) => queue.remove(&entry),
            Err(error @ (Error::NotFound | Error::TooLarge { .. } | Error::InvalidArgument(_))) => {
                tracing::warn!(%error, "a turn was given up");
                queue.remove(&entry);
            }
            Err(Error::Unavailable(cause)) => {
                tracing::debug!(cause, "a turn waits for the session store");
                // One session's trouble must not hold up the others, but a server that is away fails
                // them all, and slowly.
                if store.ping().await.is_err() {
                    return;
                }
                failing.insert(entry.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use tempfile::TempDir;
    use tokio::time::timeout;

    async fn store() -> (Store, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Store::open(&Config::default(), &folder.path().join("corral.db")).await.unwrap(), folder)
    }

    fn turn() -> Turn {
        Turn { user: "Hello".to_owned(), ai: "Hi there!".to_owned() }
    }

    async fn emptied(outbox: &Outbox) {
        let empty = async {
            while outbox.waiting() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(60), empty).await.unwrap();
    }

    #[tokio::test]
    async fn a_turn_is_brought_to_the_store() {
        let (store, _folder) = store().await;
        let id = store.create().await.unwrap();
        let outbox = Outbox::start(store.clone(), BOUNDS);
        for _ in 0..2 {
            assert!(outbox.push(&id, turn(), "1", None));
            emptied(&outbox).await;
        }
        assert_eq!(store.get(&id, None).await.unwrap().unwrap().history, [turn()]);
        assert_eq!(outbox.queue.lock().bytes, 0);
    }

    #[tokio::test]
    async fn a_turn_that_has_waited_too_long_is_given_up() {
        let (store, _folder) = store().await;
        let id = store.create().await.unwrap();
        let outbox = Outbox::start(store.clone(), Bounds { age: Duration::ZERO, ..BOUNDS });
        assert!(outbox.push(&id, turn(), "1", None));
        emptied(&outbox).await;
        assert_eq!(store.get(&id, None).await.unwrap().unwrap().turns, 0);
    }

    #[tokio::test]
    async fn nothing_goes_on_when_it_is_dropped() {
        let (store, _folder) = store().await;
        let outbox = Outbox::start(store, BOUNDS);
        let worker = outbox.worker.clone();
        drop(outbox);
        let ended = async {
            while !worker.is_finished() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(60), ended).await.unwrap();
    }
}
