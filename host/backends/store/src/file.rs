//! The file itself: who may read it, and how a connection to it is set up.
//!
//! Not here: what runs on a connection.

use crate::Error;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::{
    ffi::OsString,
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

const OWNER_ONLY: u32 = 0o600;
/// The write-ahead log is cut to this size after it was worked in.
const LOG_BYTES: u32 = 64 << 20;

/// Held while a file is made, so that nobody has it open when its maker closes it.
static MAKING: Mutex<()> = Mutex::new(());

/// Makes the file and the folders that are missing, and leaves the file to its owner alone.
///
/// A folder that exists keeps its permissions: it may hold what others are meant to read.
///
/// Invariant: a file that is there is opened by SQLite alone. Whoever closes a file drops all locks that the
/// process has on it (POSIX), SQLite's too; then another process takes itself for the last user and deletes the
/// write-ahead log.
pub fn prepare(path: &Path) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    make(path)?;
    // SQLite gives the permissions of the main file to side files that it makes; these may be there
    // already.
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        restrict(&file)?;
    }
    Ok(())
}

/// A connection that may write.
pub fn connect(path: &Path, patience: Duration) -> Result<Connection, Error> {
    // No URI flag: a path is a path, whatever it starts with. No mutex: a connection stays on one
    // thread.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    enter_wal(&connection, patience)?;
    // NORMAL appends to the log without waiting for the disk at each commit, some thirty times as
    // fast as FULL. A crash of the process loses nothing; a power cut may lose the last commits, never
    // the file's consistency.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten with zeros, free pages too: a deleted conversation is gone from the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    Ok(connection)
}

/// A connection that refuses to write.
pub fn connect_for_reading(path: &Path, patience: Duration) -> Result<Connection, Error> {
    let connection = connect(path, patience)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection that empties the write-ahead log. It gives way at once where others are at work.
pub fn connect_for_scrubbing(path: &Path, patience: Duration) -> Result<Connection, Error> {
    let connection = connect(path, patience)?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// Readers and the writer do not wait for each other in this mode, which is a property of the file.
fn enter_wal(connection: &Connection, patience: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + patience;
    loop {
        let mode =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => return Err(Error::Journal { mode }),
            // While another process makes the file, SQLite answers this at once instead of waiting.
            Err(rusqlite::Error::SqliteFailure(failure, _))
                if failure.code == ErrorCode::DatabaseBusy && Instant::now() < deadline =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn make(path: &Path) -> io::Result<()> {
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    match OpenOptions::new().create_new(true).write(true).mode(OWNER_ONLY).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

fn restrict(file: &Path) -> io::Result<()> {
    match fs::set_permissions(file, Permissions::from_mode(OWNER_ONLY)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
