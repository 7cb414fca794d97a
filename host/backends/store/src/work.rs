//! The threads that own the connections, and what happens to a piece of work on its way through one.
//!
//! Not here: how a connection is set up (`file.rs`).

use crate::{Error, PATIENCE};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
};
use tokio::{sync::oneshot, time::Instant};

/// How many calls may wait in one queue.
const LENGTH: usize = 1024;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Work waits here for one of the threads that share the queue.
#[derive(Clone)]
pub struct Queue(SyncSender<Job>);

impl Queue {
    /// Starts a thread for each connection.
    pub fn start(name: &str, connections: Vec<Connection>) -> Result<Self, Error> {
        let (queue, jobs) = mpsc::sync_channel(LENGTH);
        let jobs = Arc::new(Mutex::new(jobs));
        for connection in connections {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new().name(name.to_owned()).spawn(move || work_off(connection, &jobs))?;
        }
        Ok(Self(queue))
    }

    /// Runs `work` in a transaction on one of the threads.
    pub async fn submit<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        behavior: TransactionBehavior,
        deadline: Instant,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if let Some(result) = attempt(connection, behavior, work, || reply.is_closed()) {
                // A caller that left in this moment does not miss the answer.
                let _ = reply.send(result);
            }
        });
        self.0.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::Full(LENGTH),
            TrySendError::Disconnected(_) => Error::Ended,
        })?;
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::Ended.into()),
            Err(_) => Err(Error::Late(PATIENCE).into()),
        }
    }
}

fn work_off(mut connection: Connection, jobs: &Mutex<Receiver<Job>>) {
    loop {
        // One idle thread waits for a job, the others for the lock: the same to whoever sends.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(&mut connection);
    }
}

/// Like [`transact`], for work that may panic: then the thread and its connection go on.
///
/// The connection is sound afterwards. Unwinding drops what the work held of it: rows reset their
/// statement, statements are finalized or go back to the cache, and the transaction, dropped last,
/// rolls back, after which SQLite is in no transaction whatever came of it. No C code is on the
/// stack in between, as the work has no callbacks there.
fn attempt<T, E: From<Error>>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    abandoned: impl Fn() -> bool,
) -> Option<Result<T, E>> {
    let attempt = AssertUnwindSafe(|| transact(connection, behavior, work, abandoned));
    catch_unwind(attempt).unwrap_or_else(|_| {
        // What it said is on standard error, by the panic hook. It may quote what a person typed.
        tracing::error!(thread = thread::current().name(), "work on the store panicked and was taken back");
        Some(Err(Error::Panicked.into()))
    })
}

/// None if nobody waits for the result any more; then nothing has been changed either.
fn transact<T, E: From<Error>>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    abandoned: impl Fn() -> bool,
) -> Option<Result<T, E>> {
    if abandoned() {
        return None;
    }
    let result = connection
        .transaction_with_behavior(behavior)
        .map_err(|error| E::from(error.into()))
        .and_then(|transaction| {
            let value = work(&transaction)?;
            Ok((transaction, value))
        });
    match result {
        // Dropping the transaction rolls it back.
        Ok(_) if abandoned() => None,
        Ok((transaction, value)) => {
            Some(transaction.commit().map(|()| value).map_err(|error| E::from(error.into())))
        }
        Err(error) => Some(Err(error)),
    }
}
