//! SQLite databases that components write SQL for.
//!
//! The SQL is theirs, so it is held in bounds: a statement is interrupted when its time is over, its rows have a
//! largest size, and it can reach no other file.

mod bounds;
mod link;
mod statement;

use crate::{MAX_ANSWER, PATIENCE};
use link::Link;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, Semaphore},
    task::spawn_blocking,
    time::{sleep, timeout},
};

/// Statements of one database that run at a time: each takes a thread, which others need too.
const RUNNING: usize = 8;

/// Connections of one database that are open at a time: each takes a file and memory.
const OPEN: usize = 256;

/// Statements of one connection that wait or run.
const QUEUE: usize = 64;

/// How long a statement leaves its thread before it asks for a lock again.
const PAUSE: Duration = Duration::from_millis(10);

/// A database. Clones share its bounds.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

struct Shared {
    path: PathBuf,
    running: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

/// A connection of one user: nobody else is in its transactions or sees its temporary tables and settings.
///
/// Clones share it, and its statements come one after the other. When the last is dropped, what was not committed is
/// taken back.
#[derive(Clone)]
pub struct Connection {
    database: Arc<Shared>,
    queue: Arc<Semaphore>,
    link: Arc<Mutex<Link>>,
}

/// A value of a row or a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// Nothing.
    Null,
}

/// What a statement gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows' values, one for each column.
    pub rows: Vec<Vec<Value>>,
    /// Rows that the last INSERT, UPDATE or DELETE has changed.
    pub changes: u64,
    /// The id of the row that was inserted last.
    pub last_insert: i64,
}

/// Why a statement was not executed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite says so.
    #[error("{0}")]
    Sql(#[from] rusqlite::Error),
    /// The file's disk is full, or its largest size is reached.
    #[error("the database is full")]
    Full,
    /// The time for it was over.
    #[error("the statement was interrupted after {PATIENCE:?}")]
    Late,
    /// Too many of the connection's statements wait.
    #[error("{QUEUE} statements of this connection are waiting already")]
    Busy,
    /// More rows than are given at once.
    #[error("the rows are longer than {MAX_ANSWER} bytes")]
    TooLarge,
    /// The folder of the file could not be made.
    #[error("making the database's folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The work was given up: the host is stopping.
    #[error("the host is stopping")]
    Stopped,
}

impl Database {
    /// A database in a file, which is made when it is first used.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let (running, open) = (Arc::new(Semaphore::new(RUNNING)), Arc::new(Semaphore::new(OPEN)));
        Self(Arc::new(Shared { path: path.to_owned(), running, open }))
    }

    /// A connection of its own, which is opened when it is first used.
    #[must_use]
    pub fn connect(&self) -> Connection {
        let queue = Arc::new(Semaphore::new(QUEUE));
        Connection { database: self.0.clone(), queue, link: Arc::default() }
    }
}

impl Connection {
    /// Executes one statement. If the future is dropped, the statement is interrupted.
    ///
    /// # Errors
    /// As SQLite says, or a bound.
    pub async fn execute(&self, statement: String, parameters: Vec<Value>) -> Result<Answer, Error> {
        let _place = self.queue.try_acquire().map_err(|_full| Error::Busy)?;
        let left = Left::default();
        let asked = Arc::new(Asked { statement, parameters, left: left.0.clone() });
        timeout(PATIENCE, self.in_turn(asked)).await.map_err(|_elapsed| Error::Late)?
    }

    async fn in_turn(&self, asked: Arc<Asked>) -> Result<Answer, Error> {
        let mut link = self.link.clone().lock_owned().await;
        link.admit(&self.database.open).await?;
        loop {
            // Who writes keeps others waiting, so it does not wait for them. It is one at a time.
            let permit = if link.writes() {
                None
            } else {
                Some(self.database.running.clone().acquire_owned().await.map_err(|_closed| Error::Stopped)?)
            };
            let (database, asked) = (self.database.clone(), asked.clone());
            let work = move || {
                let _permit = permit;
                let answer = link.execute(&database.path, &asked);
                (link, answer)
            };
            let answer;
            (link, answer) = spawn_blocking(work).await.map_err(|_given_up| Error::Stopped)?;
            if let Some(answer) = answer? {
                return Ok(answer);
            }
            // It waits here, where it holds no thread that the other's next statement may need.
            sleep(PAUSE).await;
        }
    }
}

/// A statement, and whether nobody waits for it any more.
struct Asked {
    statement: String,
    parameters: Vec<Value>,
    left: Arc<AtomicBool>,
}

/// Says when it is dropped that nobody waits any more.
#[derive(Default)]
struct Left(Arc<AtomicBool>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
