//! What waits for one of the model's threads: a bounded number of calls, whose texts run in shared batches.
//!
//! A place is taken before the texts are read, so that a full queue refuses at once and for nothing.
//! Not here: what runs together (`batch.rs`), and the work itself (`worker.rs`).

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::Error;
use crate::batch::{Batch, MAX_PIECES};
use crate::call::{Answer, Call, Place};
use crate::company::Company;
use crate::pieces::Reading;

/// Calls in the order of their turns.
pub struct Queue {
    places: Arc<Semaphore>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    calls: VecDeque<Call>,
    /// Whether texts may run together.
    together: bool,
    company: Company,
    running: Running,
    /// How long a piece takes, lately.
    pace: Duration,
    closed: bool,
}

/// What the thread is at.
#[derive(Default)]
struct Running {
    pieces: usize,
    /// Calls of which nothing is left after it.
    answers: usize,
}

/// What the thread does next.
enum Turn {
    Run(Batch),
    Wait,
    WaitUntil(Instant),
    End,
}

impl Queue {
    /// For so many calls. Where texts may not run together, there is no company to wait for.
    pub fn new(places: usize, together: bool, window: Duration) -> Self {
        let window = if together { window } else { Duration::ZERO };
        let state = State {
            calls: VecDeque::new(),
            together,
            company: Company::new(window),
            running: Running::default(),
            pace: Duration::ZERO,
            closed: false,
        };
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { places, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// A place, or when to come back.
    pub fn place(&self) -> Result<Place, Error> {
        let free = || self.places.clone().try_acquire_owned().map(|permit| Place { _permit: permit });
        if let Ok(place) = free() {
            return Ok(place);
        }
        let mut state = self.state();
        // Calls that nobody waits for hold their places until someone looks.
        state.purge();
        free().map_err(|_full| Error::Overloaded { retry_after: state.delay() })
    }

    /// Has the texts embedded. A queue that is closed drops them, which the answer says.
    pub fn submit(&self, place: Place, readings: Vec<Reading>) -> Answer {
        let (call, answer) = Call::new(readings, place);
        let mut state = self.state();
        if !state.closed && !call.texts.is_empty() {
            state.company.call_came(Instant::now());
            state.calls.push_back(call);
            self.changed.notify_one();
        }
        answer
    }

    /// What runs next, once there is something; none when the queue is closed. For the model's thread.
    pub fn next(&self) -> Option<Batch> {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            state = match state.turn(now) {
                Turn::Run(batch) => return Some(batch),
                Turn::End => return None,
                Turn::Wait => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Turn::WaitUntil(until) => {
                    let waited = self.changed.wait_timeout(state, until - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The batch has run, and its callers are about to be told.
    pub fn ended(&self, took: Duration) {
        self.state().ended(Instant::now(), took);
    }

    /// Ends the thread that waits, and drops what waits for it.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.calls.clear();
        self.changed.notify_all();
    }

    /// Nothing panics under the lock but the allocator, so a poisoned state is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn turn(&mut self, now: Instant) -> Turn {
        self.purge();
        if self.closed {
            return Turn::End;
        }
        // A batch that is full anyway would not be fuller for waiting.
        if !self.calls.is_empty()
            && self.pieces() < MAX_PIECES
            && let Some(until) = self.company.wait(now, self.calls.len())
        {
            return Turn::WaitUntil(until);
        }
        let before = self.calls.len();
        let Some(batch) = Batch::take(&mut self.calls, self.together) else { return Turn::Wait };
        self.running = Running { pieces: batch.pieces(), answers: before - self.calls.len() };
        Turn::Run(batch)
    }

    fn ended(&mut self, now: Instant, took: Duration) {
        let Running { pieces, answers } = std::mem::take(&mut self.running);
        let piece = took / u32::try_from(pieces.max(1)).unwrap_or(u32::MAX);
        self.pace = if self.pace.is_zero() { piece } else { (self.pace * 7 + piece) / 8 };
        self.company.batch_ended(now, answers, self.calls.len());
    }

    /// Drops calls that nobody waits for any more: whoever asked has left, or the deadline passed.
    fn purge(&mut self) {
        self.calls.retain(|call| !call.is_dropped());
    }

    fn pieces(&self) -> usize {
        self.calls.iter().map(Call::pieces).sum()
    }

    /// How long what runs and waits will take, within reason.
    fn delay(&self) -> Duration {
        let pieces = u32::try_from(self.running.pieces + self.pieces()).unwrap_or(u32::MAX);
        self.pace.saturating_mul(pieces).clamp(Duration::from_millis(100), Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call of so many texts, each so long that 32 of them fill a batch.
    fn call(queue: &Queue, texts: usize) -> Answer {
        let reading = || Reading { text: "text".into(), pieces: 8, truncated: false };
        queue.submit(queue.place().unwrap(), std::iter::repeat_with(reading).take(texts).collect())
    }

    /// How many texts run next; none if the thread waits.
    fn turn(queue: &Queue) -> usize {
        match queue.state().turn(Instant::now()) {
            Turn::Run(batch) => batch.texts.len(),
            Turn::Wait | Turn::WaitUntil(_) | Turn::End => 0,
        }
    }

    #[test]
    fn the_thread_waits_for_callers_that_come_back_together_unless_a_batch_is_full() {
        let queue = Queue::new(9, true, Duration::from_secs(3600));
        let mut answers = vec![call(&queue, 1)];
        assert_eq!(turn(&queue), 1);
        queue.ended(Duration::ZERO);
        answers.extend([call(&queue, 1), call(&queue, 1)]);
        assert_eq!(turn(&queue), 2);
        queue.ended(Duration::ZERO);
        answers.push(call(&queue, 1));
        assert_eq!(turn(&queue), 0, "one of the two is still to come");
        answers.push(call(&queue, 1));
        assert_eq!(turn(&queue), 2);
        queue.ended(Duration::ZERO);
        answers.push(call(&queue, 40));
        assert_eq!(turn(&queue), 32);
    }

    #[test]
    fn a_model_whose_vectors_depend_on_neighbours_waits_for_nobody() {
        let queue = Queue::new(9, false, Duration::from_secs(3600));
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.extend([call(&queue, 1), call(&queue, 1)]);
            assert_eq!(turn(&queue), 1);
            queue.ended(Duration::ZERO);
            assert_eq!(turn(&queue), 1);
            queue.ended(Duration::ZERO);
        }
    }

    #[test]
    fn the_time_to_return_is_what_waits_at_the_pace_of_late() {
        let queue = Queue::new(3, true, Duration::ZERO);
        let answers = [call(&queue, 32), call(&queue, 32), call(&queue, 16)];
        assert_eq!(turn(&queue), 32);
        // 10 ms a piece, and 48 texts of 8 pieces wait.
        queue.ended(Duration::from_millis(2560));
        let refused = queue.place().err();
        let expected = Duration::from_millis(3840);
        assert!(matches!(refused, Some(Error::Overloaded { retry_after }) if retry_after == expected));
        drop(answers);
    }
}
