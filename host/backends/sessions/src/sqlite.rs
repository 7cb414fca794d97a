//! The embedded store: sessions in a SQLite file.
//!
//! Not here: threads, connections and time-outs (`corral-store`), the statements (`sqlite/rows.rs`,
//! and `sqlite/movement.rs` for moving to another store).

mod movement;
mod rows;
#[cfg(test)]
mod tests;

use crate::{Error, Page, Record, Session, Turn, limits, moment::Moment};
use corral_store::{Database, Schema, deadline};
use rusqlite::Transaction;
use std::{path::Path, sync::Arc, time::Duration};

const SCHEMA: Schema = Schema {
    part: "sessions",
    migrations: &[include_str!("sqlite/schema-1.sql"), include_str!("sqlite/schema-2.sql")],
};

#[derive(Clone)]
pub struct Store {
    database: Database,
    expire_after: Duration,
    /// What time it is; tests bring their own.
    clock: Arc<dyn Fn() -> Moment + Send + Sync>,
}

impl Store {
    pub fn open(path: &Path, expire_after: Duration) -> Result<Self, Error> {
        let (database, ()) = Database::open(path, &SCHEMA, |_| Ok::<_, Error>(()))?;
        Ok(Self { database, expire_after, clock: Arc::new(Moment::now) })
    }

    pub async fn create(&self) -> Result<String, Error> {
        let id = uuid::Uuid::new_v4().to_string();
        let (now, expires_at) = self.span();
        let stored = id.clone();
        self.database.write(deadline(), move |at| rows::insert(at, &stored, now, expires_at)).await?;
        Ok(id)
    }

    pub async fn get(&self, id: &str, last: Option<u32>) -> Result<Option<Session>, Error> {
        let deadline = deadline();
        let (now, expires_at) = self.span();
        let wanted = id.to_owned();
        let found = self.database.read(deadline, move |at| -> Result<_, Error> {
            let Some(head) = rows::head(at, &wanted, now)? else { return Ok(None) };
            Ok(Some((rows::session(at, wanted, &head, last)?, head.expires_at)))
        });
        let Some((session, stored)) = found.await? else { return Ok(None) };
        if self.is_due(stored, expires_at) {
            let id = id.to_owned();
            let slid = self.database.write(deadline, move |at| rows::slide(at, &id, now, expires_at)).await;
            if let Err(error) = slid {
                // What was read is good all the same, and the next read slides again.
                tracing::warn!(%error, "a session was read, but its time to live did not start anew");
            }
        }
        Ok(Some(session))
    }

    pub async fn append(
        &self,
        id: &str,
        turn: Turn,
        turn_id: &str,
        replaces: Option<u32>,
    ) -> Result<u32, Error> {
        let (now, expires_at) = self.span();
        let (id, turn_id) = (id.to_owned(), turn_id.to_owned());
        let append = move |at: &Transaction<'_>| {
            let mut head = rows::head(at, &id, now)?.ok_or(Error::NotFound)?;
            rows::slide(at, &id, now, expires_at)?;
            if let Some(number) = rows::number_of(at, &head, &turn_id)? {
                return Ok(number);
            }
            if replaces == Some(head.turns) {
                rows::remove_newest(at, &mut head)?;
            }
            rows::append(at, &head, &turn, &turn_id, now)
        };
        match replaces {
            None => self.database.write(deadline(), append).await,
            Some(_) => self.database.erase(deadline(), append).await,
        }
    }

    pub async fn set_metadata(&self, id: &str, key: &str, value: &str) -> Result<(), Error> {
        let (now, expires_at) = self.span();
        let (id, key, value) = (id.to_owned(), key.to_owned(), value.to_owned());
        // There may have been another value.
        let set = self.database.erase(deadline(), move |at| {
            let head = rows::head(at, &id, now)?.ok_or(Error::NotFound)?;
            rows::slide(at, &id, now, expires_at)?;
            rows::set_metadata(at, &head, &key, &value, now)
        });
        set.await
    }

    pub async fn delete(&self, id: &str) -> Result<bool, Error> {
        let (now, _) = self.span();
        let id = id.to_owned();
        self.database.erase(deadline(), move |at| rows::delete(at, &id, now)).await
    }

    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.database.ping().await?)
    }

    pub async fn expired(&self) -> Result<Vec<String>, Error> {
        let (now, _) = self.span();
        self.database.read(deadline(), move |at| rows::expired(at, now, limits::EXPIRED)).await
    }

    pub async fn purge(&self, id: &str) -> Result<(), Error> {
        let (now, _) = self.span();
        let id = id.to_owned();
        self.database.erase(deadline(), move |at| rows::purge(at, &id, now)).await
    }

    pub async fn export(&self, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        let (now, _) = self.span();
        let after = movement::position(cursor)?;
        self.database.read(deadline(), move |at| movement::page(at, after, limit, now)).await
    }

    pub async fn record(&self, id: &str) -> Result<Option<Record>, Error> {
        let (now, _) = self.span();
        let id = id.to_owned();
        self.database.read(deadline(), move |at| movement::record(at, id, now)).await
    }

    pub async fn import(&self, record: &Record) -> Result<(), Error> {
        let (now, _) = self.span();
        let (record, bytes) = (record.clone(), record.check()?);
        self.database.erase(deadline(), move |at| movement::replace(at, &record, bytes, now)).await
    }

    /// This moment, and the one in which a session expires that is used now.
    fn span(&self) -> (Moment, Moment) {
        let now = (self.clock)();
        (now, now.plus(self.expire_after))
    }

    /// Whether a read has to write: only if more than 1 % of the time to live has passed since the
    /// last use, so that a busy session's reads stay reads. A session may thus expire 1 % early.
    ///
    /// Also if the settings have made the time to live shorter by as much.
    fn is_due(&self, stored: Moment, expires_at: Moment) -> bool {
        expires_at.since(stored).max(stored.since(expires_at)) > self.expire_after / 100
    }
}

impl From<corral_store::Error> for Error {
    fn from(error: corral_store::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        corral_store::Error::from(error).into()
    }
}
