//! A connection as it is between two statements: not open yet, or open and perhaps in a transaction.

use super::{Answer, Asked, Error, bounds, statement};
use rusqlite::{Connection, TransactionState};
use std::{
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Instructions of SQLite's machine between two looks at whether somebody still waits.
const LOOK: i32 = 100;

/// A connection, once it is needed.
#[derive(Default)]
pub struct Link {
    connection: Option<Connection>,
    place: Option<OwnedSemaphorePermit>,
}

impl Link {
    /// Waits until it may be open.
    pub async fn admit(&mut self, open: &Arc<Semaphore>) -> Result<(), Error> {
        if self.place.is_none() {
            self.place = Some(open.clone().acquire_owned().await.map_err(|_closed| Error::Stopped)?);
        }
        Ok(())
    }

    /// Whether it is in a transaction that has written, of which a file has one at a time.
    pub fn writes(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| {
            matches!(connection.transaction_state(Some("main")), Ok(TransactionState::Write))
        })
    }

    /// Executes a statement, unless nobody waits for it. None if it is to be tried again. Blocks.
    pub fn execute(&mut self, path: &Path, asked: &Asked) -> Result<Option<Answer>, Error> {
        if asked.left.load(Relaxed) {
            return Err(Error::Late);
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(bounds::open(path)?),
        };
        let left = asked.left.clone();
        connection.progress_handler(LOOK, Some(move || left.load(Relaxed)))?;
        statement::execute(connection, &asked.statement, &asked.parameters)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Taking back what was not committed works on the file.
        if let Some(connection) = self.connection.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(connection));
        }
    }
}
