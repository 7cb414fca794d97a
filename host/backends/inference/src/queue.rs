//! What waits for the engine thread: jobs up to a bound, preparations, sessions to forget, questions.
//!
//! A job whose caller left, or whose deadline passed, gives its place free.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use llama_cpp_2::token::LlamaToken;
use tokio::sync::{mpsc, oneshot};

use crate::{Error, generation::Message, sampling::Sampler};

/// One answer to generate.
pub(crate) struct Job {
    pub prompt: Vec<LlamaToken>,
    /// Tokens of the answer; prompt and answer fit the context.
    pub limit: u32,
    pub sampler: Sampler,
    pub stop: Vec<String>,
    /// The format puts a space in front of every answer, which is not part of it.
    pub leading_space: bool,
    pub session: Option<String>,
    pub submitted: Instant,
    pub deadline: Instant,
    pub events: mpsc::Sender<Message>,
}

/// A transcript to read into a session's cache when there is nothing else to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preparation {
    pub prompt: Vec<LlamaToken>,
    pub session: String,
}

/// A session to forget, and whom to tell.
#[derive(Debug)]
pub(crate) struct Forgetting {
    pub session: String,
    pub done: oneshot::Sender<()>,
}

/// Why a job was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full { queued: usize },
    Closed(String),
}

/// The door between callers and the engine thread.
pub(crate) struct Queue {
    capacity: usize,
    waiting: Mutex<Waiting>,
    arrival: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    preparations: VecDeque<Preparation>,
    forgettings: Vec<Forgetting>,
    /// Who wants to know the sessions that something is kept for.
    inquiries: Vec<oneshot::Sender<Vec<String>>>,
    stopping: bool,
    closed: Option<String>,
}

impl Queue {
    /// At most `capacity` jobs wait, and as many preparations.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, waiting: Mutex::default(), arrival: Condvar::new() }
    }

    /// Takes a job in, unless the queue is full or closed.
    pub fn push(&self, job: Job) -> Result<(), Refusal> {
        let mut waiting = self.lock();
        if let Some(reason) = &waiting.closed {
            return Err(Refusal::Closed(reason.clone()));
        }
        waiting.purge();
        if waiting.jobs.len() >= self.capacity {
            return Err(Refusal::Full { queued: waiting.jobs.len() });
        }
        // The job reads what the preparation would have read.
        if let Some(session) = &job.session {
            waiting.preparations.retain(|preparation| preparation.session != *session);
        }
        waiting.jobs.push_back(job);
        self.arrival.notify_one();
        Ok(())
    }

    /// Takes a preparation in; a newer one of a session replaces the older, and the oldest go when
    /// there are too many, for it is a hint.
    pub fn prepare(&self, preparation: Preparation) -> Result<(), String> {
        let mut waiting = self.lock();
        if let Some(reason) = &waiting.closed {
            return Err(reason.clone());
        }
        waiting.preparations.retain(|other| other.session != preparation.session);
        if waiting.preparations.len() >= self.capacity {
            waiting.preparations.pop_front();
        }
        waiting.preparations.push_back(preparation);
        self.arrival.notify_one();
        Ok(())
    }

    /// Drops what waits for `session`, and asks the engine to forget it. The receiver is told when
    /// that happened, or that the engine is gone.
    pub fn forget(&self, session: &str) -> oneshot::Receiver<()> {
        let (done, told) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.preparations.retain(|preparation| preparation.session != session);
        waiting.jobs.retain(|job| {
            let keep = job.session.as_deref() != Some(session);
            if !keep {
                end(job, forgotten());
            }
            keep
        });
        if waiting.closed.is_none() {
            waiting.forgettings.push(Forgetting { session: session.into(), done });
            self.arrival.notify_one();
        }
        told
    }

    /// Asks the engine for which sessions it keeps something while nothing is generated for them.
    pub fn inquire(&self) -> oneshot::Receiver<Vec<String>> {
        let (answer, told) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.closed.is_none() {
            waiting.inquiries.push(answer);
            self.arrival.notify_one();
        }
        told
    }

    /// The next job that someone still waits for.
    pub fn next_job(&self) -> Option<Job> {
        let mut waiting = self.lock();
        waiting.purge();
        waiting.jobs.pop_front()
    }

    /// The next preparation.
    pub fn next_preparation(&self) -> Option<Preparation> {
        self.lock().preparations.pop_front()
    }

    /// Puts back what was interrupted, unless something newer of its session waits.
    pub fn resume_later(&self, preparation: Preparation) {
        let mut waiting = self.lock();
        let session = Some(preparation.session.as_str());
        let superseded = waiting.jobs.iter().any(|job| job.session.as_deref() == session)
            || waiting.preparations.iter().any(|other| Some(other.session.as_str()) == session);
        if !superseded {
            waiting.preparations.push_front(preparation);
        }
    }

    /// The sessions to forget now.
    pub fn forgettings(&self) -> Vec<Forgetting> {
        std::mem::take(&mut self.lock().forgettings)
    }

    /// The questions to answer now.
    pub fn inquiries(&self) -> Vec<oneshot::Sender<Vec<String>>> {
        std::mem::take(&mut self.lock().inquiries)
    }

    /// Jobs that wait.
    pub fn len(&self) -> usize {
        let mut waiting = self.lock();
        waiting.purge();
        waiting.jobs.len()
    }

    /// Blocks the engine thread until there is something to do.
    pub fn wait(&self) {
        let idle = |waiting: &mut Waiting| {
            !waiting.stopping
                && waiting.jobs.is_empty()
                && waiting.preparations.is_empty()
                && waiting.forgettings.is_empty()
                && waiting.inquiries.is_empty()
        };
        drop(self.arrival.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner));
    }

    /// Asks the engine thread to end.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.arrival.notify_all();
    }

    /// Whether it was asked to end.
    pub fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Ends everything that waits, and takes nothing more.
    pub fn close(&self, reason: &str) {
        let mut waiting = self.lock();
        waiting.closed = Some(reason.into());
        for job in waiting.jobs.drain(..) {
            end(&job, Error::Unavailable(reason.into()));
        }
        waiting.preparations.clear();
        waiting.forgettings.clear();
        waiting.inquiries.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every change of `Waiting` is complete at once, so what a panic left is sound.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn purge(&mut self) {
        let now = Instant::now();
        self.jobs.retain(|job| {
            if job.deadline <= now {
                end(job, Error::Deadline);
            }
            job.deadline > now && !job.events.is_closed()
        });
    }
}

/// What a job of a forgotten session is told.
pub(crate) fn forgotten() -> Error {
    Error::Unavailable("the session was forgotten".into())
}

fn end(job: &Job, error: Error) {
    // A caller who left does not need to know.
    let _ = job.events.try_send(Err(error));
}
