//! One SQLite file: its connections, the threads that own them, and the version of its schema.
//!
//! One thread writes, a few read; calls wait in bounded queues and never longer than their deadline.
//! Several crates may keep their tables in one file. Each brings its own connections and this module,
//! the same text in each (a test compares them), because back ends do not know each other.
//!
//! Not here: tables and statements (`rows.rs`), and the order of steps in a call (`../sqlite.rs`).

mod file;

use crate::Error;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// How long a call may take, its time in the queue included.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many calls may wait for the writer, and as many for the readers.
const QUEUE: usize = 1024;

/// The tables that one crate keeps in the file.
pub struct Schema {
    /// Names the crate in the table of versions.
    pub part: &'static str,
    /// What makes version 1 from nothing, version 2 from version 1, and so on.
    pub migrations: &'static [&'static str],
}

/// An open file. Clones share its threads, which end when the last clone is dropped.
#[derive(Clone)]
pub struct Database {
    writes: SyncSender<Job>,
    reads: SyncSender<Job>,
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// When a call that starts now has to have ended.
pub fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

impl Database {
    /// Opens the file, or makes it, brings the tables to this version and does `first` with them, all
    /// of it or nothing. Blocks.
    pub fn open<T>(
        path: &Path,
        schema: &Schema,
        first: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<(Self, T), Error> {
        Self::start(path, schema, first).map_err(|error| match error {
            Error::Unavailable(cause) => Error::Unavailable(format!("opening {}: {cause}", path.display())),
            other => other,
        })
    }

    fn start<T>(
        path: &Path,
        schema: &Schema,
        first: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<(Self, T), Error> {
        file::prepare(path)?;
        let mut writer = file::connect(path, PATIENCE)?;
        // One transaction, so that two processes that open the file at once do not both change it.
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        migrate(&transaction, schema)?;
        let done = first(&transaction)?;
        transaction.commit()?;
        // SQLite has made its side files by now, with the permissions of the main one.
        let readers = (0..thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8)))
            .map(|_| file::connect_for_reading(path, PATIENCE))
            .collect::<Result<Vec<_>, _>>()?;
        let writes = spawn(&format!("{}-write", schema.part), vec![writer])?;
        let reads = spawn(&format!("{}-read", schema.part), readers)?;
        Ok((Self { writes, reads }, done))
    }

    /// Runs `work` in a transaction that is the only one to write; an error takes everything back.
    pub async fn write<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        submit(&self.writes, TransactionBehavior::Immediate, deadline, work).await
    }

    /// Runs `work` on one state of the file, whatever is written meanwhile.
    pub async fn read<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        submit(&self.reads, TransactionBehavior::Deferred, deadline, work).await
    }

    /// Whether both kinds of threads answer and the file can be read.
    pub async fn ping(&self) -> Result<(), Error> {
        let deadline = deadline();
        let look = |transaction: &Transaction<'_>| {
            Ok(transaction.query_row("SELECT count(*) FROM schema_versions", (), |_| Ok(()))?)
        };
        self.read(deadline, look).await?;
        self.write(deadline, look).await
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

async fn submit<T: Send + 'static>(
    queue: &SyncSender<Job>,
    behavior: TransactionBehavior,
    deadline: Instant,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (reply, answer) = oneshot::channel();
    let job: Job = Box::new(move |connection| {
        if let Some(result) = transact(connection, behavior, work, || reply.is_closed()) {
            // A caller that left in this moment does not miss the answer.
            let _ = reply.send(result);
        }
    });
    queue.try_send(job).map_err(|refused| match refused {
        TrySendError::Full(_) => Error::Unavailable(format!("{QUEUE} calls are waiting already")),
        TrySendError::Disconnected(_) => Error::Unavailable("the thread of the store has ended".to_owned()),
    })?;
    match tokio::time::timeout_at(deadline, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(closed)) => Err(Error::Unavailable(format!("the store's thread gave no answer: {closed}"))),
        Err(elapsed) => Err(Error::Unavailable(format!("no answer within {PATIENCE:?}: {elapsed}"))),
    }
}

/// None if nobody waits for the result any more; then nothing has been changed either.
fn transact<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    abandoned: impl Fn() -> bool,
) -> Option<Result<T, Error>> {
    if abandoned() {
        return None;
    }
    let result =
        connection.transaction_with_behavior(behavior).map_err(Error::from).and_then(|transaction| {
            let value = work(&transaction)?;
            Ok((transaction, value))
        });
    match result {
        // Dropping the transaction rolls it back.
        Ok(_) if abandoned() => None,
        Ok((transaction, value)) => Some(transaction.commit().map(|()| value).map_err(Error::from)),
        Err(error) => Some(Err(error)),
    }
}

fn spawn(name: &str, connections: Vec<Connection>) -> Result<SyncSender<Job>, Error> {
    let (queue, jobs) = mpsc::sync_channel(QUEUE);
    let jobs = Arc::new(Mutex::new(jobs));
    for connection in connections {
        let jobs = Arc::clone(&jobs);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work_off(connection, &jobs))
            .map_err(|error| Error::Unavailable(format!("starting thread {name}: {error}")))?;
    }
    Ok(queue)
}

fn work_off(mut connection: Connection, jobs: &Mutex<Receiver<Job>>) {
    loop {
        // One idle thread waits for a job, the others for the lock: the same to whoever sends.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(&mut connection);
    }
}

fn migrate(transaction: &Transaction<'_>, schema: &Schema) -> Result<(), Error> {
    let known = u32::try_from(schema.migrations.len()).unwrap_or(u32::MAX);
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_versions
         (part TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    )?;
    let stored = transaction
        .query_row("SELECT version FROM schema_versions WHERE part = ?1", [schema.part], |row| row.get(0))
        .optional()?
        .unwrap_or(0_u32);
    let part = schema.part;
    if stored > known {
        return Err(Error::Unavailable(format!(
            "its {part} have schema version {stored}, this Corral knows versions up to {known}: \
             start the Corral that wrote the file, or name another file in store.path"
        )));
    }
    for migration in schema.migrations.iter().skip(usize::try_from(stored).unwrap_or(usize::MAX)) {
        transaction.execute_batch(migration)?;
    }
    transaction.execute(
        "INSERT INTO schema_versions (part, version) VALUES (?1, ?2)
         ON CONFLICT (part) DO UPDATE SET version = excluded.version",
        (part, known),
    )?;
    Ok(())
}
