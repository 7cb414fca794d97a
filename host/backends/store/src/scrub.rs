//! Takes what was deleted off the disk: out of the write-ahead log, which keeps what pages held before.
//!
//! In the file itself SQLite overwrites deleted content (`file.rs`), but only where the log is worked in. Not here:
//! what a file system or a disk keeps of blocks that were overwritten.

use crate::Error;
use rusqlite::Connection;
use std::{
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
    time::Duration,
};

/// Between two attempts while others read.
const PAUSE: Duration = Duration::from_millis(100);
/// A checkpoint waits for the disk, so that many deletions share one.
const REST: Duration = Duration::from_secs(1);
/// Readers are bounded by the deadline of their call; this is a good deal longer.
const ATTEMPTS: u32 = 200;

/// Asks for a scrub. Clones ask the same thread.
#[derive(Clone)]
pub struct Scrubber(SyncSender<()>);

impl Scrubber {
    /// Starts the thread, which has a connection of its own: no call waits for it.
    pub fn start(name: &str, connection: Connection) -> Result<Self, Error> {
        let (wanted, wishes) = mpsc::sync_channel(1);
        thread::Builder::new().name(name.to_owned()).spawn(move || work(&connection, &wishes))?;
        Ok(Self(wanted))
    }

    /// Has what is deleted by now scrubbed soon.
    pub fn ask(&self) {
        // Full: somebody's wish waits already, and will find this deletion too.
        let _ = self.0.try_send(());
    }
}

fn work(connection: &Connection, wishes: &Receiver<()>) {
    while wishes.recv().is_ok() {
        match scrub(connection) {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("deleted content is still in the write-ahead log: it is always in use")
            }
            Err(error) => tracing::warn!(%error, "deleted content is still in the write-ahead log"),
        }
        thread::sleep(REST);
    }
}

/// Works the log into the file and empties it. False if it was in use all the time.
fn scrub(connection: &Connection) -> rusqlite::Result<bool> {
    for _ in 0..ATTEMPTS {
        let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))?;
        if !busy {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
    Ok(false)
}
