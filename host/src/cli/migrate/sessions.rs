//! Sessions as what is moved.

use super::{
    place::Place,
    store::{Page, Record, Source, Store, Trouble, at_first},
};
use anyhow::Context;
use corral_sessions::{Config, Error, Sessions};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::time::Duration;

/// Calls at one time. A server answers one while the next one is on its way.
const AT_ONCE: usize = 8;
/// Moving takes time itself; a copy that expires this much earlier is as good.
const TOLERANCE: Duration = Duration::from_secs(5);

/// Opens the store at a place, and waits until it answers.
pub(super) async fn open(place: &Place<Config>) -> anyhow::Result<Sessions> {
    let opening = || format!("opening the sessions at {}", place.name);
    let sessions = Sessions::open(&place.config, &place.file).await.with_context(opening)?;
    at_first(async || Ok(sessions.ping().await?)).await.map_err(anyhow::Error::from).with_context(opening)?;
    Ok(sessions)
}

impl Source for Sessions {
    type Record = corral_sessions::Record;

    async fn page(&self, cursor: Option<&str>, limit: u32) -> Result<Page<Self::Record>, Trouble> {
        let corral_sessions::Page { records, unread, next } = self.export(cursor, limit).await?;
        let unread = unread.into_iter().map(|unread| (unread.key, unread.cause)).collect();
        Ok(Page { records, unread, next, skipped: 0 })
    }

    async fn read(&self, records: &[Self::Record]) -> Result<Vec<Option<Self::Record>>, Trouble> {
        let reading = records.iter().map(|record| async { Ok(self.record(&record.session.id).await?) });
        stream::iter(reading).buffered(AT_ONCE).try_collect().await
    }

    async fn total(&self) -> Result<Option<u64>, Trouble> {
        Ok(None)
    }
}

impl Store for Sessions {
    async fn write(&self, records: Vec<Self::Record>) -> Result<(), Trouble> {
        let writing = records.iter().map(|record| async { Ok(self.import(record).await?) });
        stream::iter(writing).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn remove(&self, record: &Self::Record) -> Result<(), Trouble> {
        self.delete(&record.session.id).await?;
        Ok(())
    }
}

impl Record for corral_sessions::Record {
    fn key(&self) -> String {
        self.session.id.clone()
    }

    fn digest(&self) -> [u8; 32] {
        self.digest()
    }

    fn outlives(&self, copy: &Self) -> bool {
        self.expires_in > copy.expires_in.saturating_add(TOLERANCE)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Unavailable(_) => Self::Passing(detail),
            Error::NotFound | Error::TooLarge { .. } | Error::InvalidArgument(_) => Self::Lasting(detail),
        }
    }
}
