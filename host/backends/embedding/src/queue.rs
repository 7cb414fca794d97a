//! What waits for the model's thread: queries before documents, a bounded number of each.
//!
//! A place is taken before the texts are read, so that a full queue refuses at once and for nothing.
//! Not here: the work itself (`worker.rs`).

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::batches::Batch;
use crate::{Error, Purpose};

/// Jobs in two lanes.
pub struct Queue {
    places: [Arc<Semaphore>; 2],
    state: Mutex<State>,
    changed: Condvar,
}

/// Which of the two lanes, the first being served first.
#[derive(Clone, Copy)]
pub enum Lane {
    Queries,
    Documents,
}

/// The right to put one job into a lane. It is given back when the job is done or dropped.
pub struct Place {
    lane: Lane,
    _permit: OwnedSemaphorePermit,
}

/// One call's texts, embedded batch by batch.
pub struct Job {
    pub batches: VecDeque<Batch>,
    /// The vectors, at the places of their texts.
    pub values: Vec<f32>,
    pub dimensions: usize,
    pub answer: oneshot::Sender<Result<Vec<f32>, Error>>,
    place: Place,
}

#[derive(Default)]
struct State {
    lanes: [VecDeque<Job>; 2],
    closed: bool,
    /// How long a batch takes, lately.
    pace: Duration,
}

impl Lane {
    pub fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Query => Self::Queries,
            Purpose::Document => Self::Documents,
        }
    }
}

impl Queue {
    pub fn new(places: usize) -> Self {
        let places = || Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { places: [places(), places()], state: Mutex::default(), changed: Condvar::new() }
    }

    /// A place in the lane, or when to come back.
    pub fn place(&self, lane: Lane) -> Result<Place, Error> {
        match self.places[lane as usize].clone().try_acquire_owned() {
            Ok(permit) => Ok(Place { lane, _permit: permit }),
            Err(_full) => Err(Error::Overloaded { retry_after: self.state().wait() }),
        }
    }

    /// Has the batches embedded. Dropping the future drops what is left of them.
    pub async fn submit(
        &self,
        place: Place,
        batches: Vec<Batch>,
        dimensions: usize,
    ) -> Result<Vec<f32>, Error> {
        let texts: usize = batches.iter().map(|batch| batch.texts.len()).sum();
        if texts == 0 {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        let values = vec![0.0; texts * dimensions];
        self.push(Job { batches: batches.into(), values, dimensions, answer, place });
        answered.await.unwrap_or_else(|_dropped| Err(Error::Unavailable("its thread has ended".into())))
    }

    /// The next job, once there is one; none when the queue is closed. For the model's thread.
    pub fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.lanes.iter_mut().find_map(VecDeque::pop_front) {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Puts a job that is not finished back to the front of its lane.
    pub fn put_back(&self, job: Job) {
        let mut state = self.state();
        if !state.closed {
            state.lanes[job.place.lane as usize].push_front(job);
        }
    }

    /// Remembers how long a batch took.
    pub fn record(&self, took: Duration) {
        let mut state = self.state();
        state.pace = if state.pace.is_zero() { took } else { (state.pace * 7 + took) / 8 };
    }

    /// Ends the thread that waits, and drops what waits for it.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.lanes = Default::default();
        self.changed.notify_all();
    }

    /// A job that comes after the end is dropped, which its caller sees.
    fn push(&self, job: Job) {
        let mut state = self.state();
        if !state.closed {
            state.lanes[job.place.lane as usize].push_back(job);
            self.changed.notify_one();
        }
    }

    /// Nothing panics under the lock but the allocator, so a poisoned state is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long what waits will take, within reason.
    fn wait(&self) -> Duration {
        let batches: usize = self.lanes.iter().flatten().map(|job| job.batches.len()).sum();
        let batches = u32::try_from(batches).unwrap_or(u32::MAX).saturating_add(1);
        self.pace.saturating_mul(batches).clamp(Duration::from_millis(100), Duration::from_secs(30))
    }
}
