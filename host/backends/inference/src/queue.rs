//! What waits for the engine thread: jobs up to a bound, preparations, owners to forget, questions.
//!
//! A job whose caller left, or whose deadline passed, gives its place free. Not here: who is next (`turns`).

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use llama_cpp_2::token::LlamaToken;
use tokio::sync::{mpsc, oneshot};

use crate::{
    Error, Owner,
    calling::reader::Reader,
    generation::Message,
    sampling::Sampler,
    shared::UnderWay,
    turns::{Claim, Turns},
};

/// One answer to generate.
pub(crate) struct Job {
    pub prompt: Vec<LlamaToken>,
    /// Tokens of the answer; prompt and answer fit the context.
    pub limit: u32,
    pub sampler: Sampler,
    pub stop: Vec<String>,
    /// Finds calls in the answer; none if it has no tools.
    pub calls: Option<Reader>,
    /// The format puts a space in front of every answer, which is not part of it.
    pub leading_space: bool,
    /// Tokens at the prompt's beginning that are the system prompt's, which everyone may share.
    pub shared: usize,
    /// Alternatives to tell with each token; none tells nothing.
    pub scores: Option<usize>,
    /// The place of its LoRA adapter among the model's.
    pub adapter: Option<usize>,
    pub owner: Option<Owner>,
    pub principal: Option<String>,
    pub submitted: Instant,
    pub deadline: Instant,
    pub events: mpsc::Sender<Message>,
    #[expect(dead_code, reason = "it counts for as long as it is held")]
    pub under_way: UnderWay,
}

impl Job {
    /// On whose account it runs.
    pub fn claim(&self) -> Claim<'_> {
        Claim { principal: self.principal.as_deref(), owner: self.owner.as_ref() }
    }
}

/// A transcript to read into an owner's cache when there is nothing else to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preparation {
    pub prompt: Vec<LlamaToken>,
    pub owner: Owner,
}

/// An owner to forget, and whom to tell.
#[derive(Debug)]
pub(crate) struct Forgetting {
    pub owner: Owner,
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
    /// In the order of their arrival.
    jobs: Vec<Job>,
    turns: Turns,
    preparations: VecDeque<Preparation>,
    forgettings: Vec<Forgetting>,
    /// Who wants to know the owners that something is kept for.
    inquiries: Vec<oneshot::Sender<Vec<Owner>>>,
    stopping: bool,
    closed: Option<String>,
}

impl Queue {
    /// At most `capacity` jobs wait, and as many preparations.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, waiting: Mutex::default(), arrival: Condvar::new() }
    }

    /// Takes a job in, unless the queue is closed, or full and nobody has more than a fair share of it. A job
    /// that has to make room for it ends with `overloaded`.
    pub fn push(&self, job: Job, overloaded: impl FnOnce(usize) -> Error) -> Result<(), Refusal> {
        let mut waiting = self.lock();
        if let Some(reason) = &waiting.closed {
            return Err(Refusal::Closed(reason.clone()));
        }
        waiting.purge();
        let queued = waiting.jobs.len();
        if queued >= self.capacity {
            let claims: Vec<_> = waiting.jobs.iter().map(Job::claim).collect();
            let Some(index) = Turns::displaced(&claims, job.claim()) else {
                return Err(Refusal::Full { queued });
            };
            end(&waiting.jobs.remove(index), overloaded(queued));
        }
        // The job reads what the preparation would have read.
        if let Some(owner) = &job.owner {
            waiting.preparations.retain(|preparation| preparation.owner != *owner);
        }
        waiting.jobs.push(job);
        self.arrival.notify_one();
        Ok(())
    }

    /// Takes a preparation in; a newer one of an owner replaces the older, and the oldest go when
    /// there are too many, for it is a hint.
    pub fn prepare(&self, preparation: Preparation) -> Result<(), String> {
        let mut waiting = self.lock();
        if let Some(reason) = &waiting.closed {
            return Err(reason.clone());
        }
        waiting.preparations.retain(|other| other.owner != preparation.owner);
        if waiting.preparations.len() >= self.capacity {
            waiting.preparations.pop_front();
        }
        waiting.preparations.push_back(preparation);
        self.arrival.notify_one();
        Ok(())
    }

    /// Drops what waits for `owner`, and asks the engine to forget it. The receiver is told when
    /// that happened, or that the engine is gone.
    pub fn forget(&self, owner: &Owner) -> oneshot::Receiver<()> {
        let (done, told) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.preparations.retain(|preparation| preparation.owner != *owner);
        waiting.jobs.retain(|job| {
            let keep = job.owner.as_ref() != Some(owner);
            if !keep {
                end(job, forgotten());
            }
            keep
        });
        if waiting.closed.is_none() {
            waiting.forgettings.push(Forgetting { owner: owner.clone(), done });
            self.arrival.notify_one();
        }
        told
    }

    /// Asks the engine for whom it keeps something while nothing is generated for them.
    pub fn inquire(&self) -> oneshot::Receiver<Vec<Owner>> {
        let (answer, told) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.closed.is_none() {
            waiting.inquiries.push(answer);
            self.arrival.notify_one();
        }
        told
    }

    /// The job whose turn it is, of those that someone still waits for, while `running` ones run.
    pub fn next_job(&self, running: &[Claim<'_>]) -> Option<Job> {
        let mut waiting = self.lock();
        waiting.purge();
        let Waiting { jobs, turns, .. } = &mut *waiting;
        let claims: Vec<_> = jobs.iter().map(Job::claim).collect();
        let index = turns.next(&claims, running)?;
        Some(jobs.remove(index))
    }

    /// The next preparation.
    pub fn next_preparation(&self) -> Option<Preparation> {
        self.lock().preparations.pop_front()
    }

    /// Puts back what was interrupted, unless something newer of its owner waits.
    pub fn resume_later(&self, preparation: Preparation) {
        let mut waiting = self.lock();
        let owner = &preparation.owner;
        let superseded = waiting.jobs.iter().any(|job| job.owner.as_ref() == Some(owner))
            || waiting.preparations.iter().any(|other| other.owner == *owner);
        if !superseded {
            waiting.preparations.push_front(preparation);
        }
    }

    /// The owners to forget now.
    pub fn forgettings(&self) -> Vec<Forgetting> {
        std::mem::take(&mut self.lock().forgettings)
    }

    /// The questions to answer now.
    pub fn inquiries(&self) -> Vec<oneshot::Sender<Vec<Owner>>> {
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
        for job in std::mem::take(&mut waiting.jobs) {
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
