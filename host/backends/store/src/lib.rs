//! One SQLite file that several back ends keep their tables in.
//!
//! One thread writes, a few read; calls wait in bounded queues and never longer than their deadline.
//! Each back end opens the file for itself, with connections and threads of its own.
//!
//! Not here: tables, statements and the order of steps in a call (the back ends).

mod error;
mod file;
mod schema;
mod scrub;
mod work;

pub use error::Error;
pub use schema::Schema;

use rusqlite::{Transaction, TransactionBehavior};
use scrub::Scrubber;
use std::{path::Path, thread, time::Duration};
use tokio::time::Instant;
use work::Queue;

/// How long a call may take, its time in the queue included.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open file. Clones share its threads, which end when the last clone is dropped.
///
/// Work on it fails with the caller's own error, which takes in the ones of this crate.
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// use corral_store::{Database, Error, Schema, deadline};
///
/// const SCHEMA: Schema = Schema { part: "notes", migrations: &["CREATE TABLE notes (text TEXT) STRICT"] };
/// let path = folder.path().join("corral.db");
/// let (database, ()) = Database::open(&path, &SCHEMA, |_| Ok::<_, Error>(()))?;
/// let add = database.write(deadline(), |at| Ok(at.execute("INSERT INTO notes VALUES ('a')", ())?));
/// let added: Result<usize, Error> = add.await;
/// assert_eq!(added?, 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Database {
    writes: Queue,
    reads: Queue,
    scrubber: Scrubber,
}

/// When a call that starts now has to have ended.
pub fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

impl Database {
    /// Opens the file, or makes it, brings the tables to this version and does `first` with them, all
    /// of it or nothing. Blocks.
    ///
    /// The file and folders that are missing are made for their owner only.
    pub fn open<T, E: From<Error>>(
        path: &Path,
        schema: &Schema,
        first: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        Self::start(path, schema, first).map_err(|cause| Error::opening(path, cause))?
    }

    /// The inner result is what `first` made of it, which does not concern the file.
    fn start<T, E>(
        path: &Path,
        schema: &Schema,
        first: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<Result<(Self, T), E>, Error> {
        file::prepare(path)?;
        let mut writer = file::connect(path, PATIENCE)?;
        // One transaction, so that two processes that open the file at once do not both change it.
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        schema::migrate(&transaction, schema)?;
        let done = match first(&transaction) {
            Ok(done) => done,
            Err(error) => return Ok(Err(error)),
        };
        transaction.commit()?;
        // SQLite has made its side files by now, with the permissions of the main one.
        let readers = (0..thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8)))
            .map(|_| file::connect_for_reading(path, PATIENCE))
            .collect::<Result<Vec<_>, _>>()?;
        let writes = Queue::start(&format!("{}-write", schema.part), vec![writer])?;
        let reads = Queue::start(&format!("{}-read", schema.part), readers)?;
        let scrubber =
            Scrubber::start(&format!("{}-scrub", schema.part), file::connect_for_scrubbing(path, PATIENCE)?)?;
        // A process that was killed may have left in the log what it had just deleted.
        scrubber.ask();
        Ok(Ok((Self { writes, reads, scrubber }, done)))
    }

    /// Runs `work` in a transaction that is the only one to write; an error takes everything back, and
    /// so does a panic.
    ///
    /// If the future is dropped before the commit, nothing is changed.
    pub async fn write<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.writes.submit(TransactionBehavior::Immediate, deadline, work).await
    }

    /// Like [`write`](Self::write), for work that deletes: within seconds of the commit neither the file nor its
    /// write-ahead log holds what was deleted, unless somebody reads without a pause.
    pub async fn erase<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let erased = self.write(deadline, work).await?;
        self.scrubber.ask();
        Ok(erased)
    }

    /// Runs `work` on one state of the file, whatever is written meanwhile.
    pub async fn read<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.reads.submit(TransactionBehavior::Deferred, deadline, work).await
    }

    /// Whether both kinds of threads answer and the file can be read.
    pub async fn ping(&self) -> Result<(), Error> {
        let deadline = deadline();
        self.read(deadline, schema::look).await?;
        self.write(deadline, schema::look).await
    }
}
