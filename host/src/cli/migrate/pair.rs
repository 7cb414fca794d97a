//! Two stores, and what is done between them: copied page by page, then all of it compared.
//!
//! Not here: which stores these are (`place.rs`), and what is kept of an interrupted move (`state.rs`).

use super::{
    bar::Bar,
    state::State,
    store::{Page, Record, Source, Store, Trouble, patiently},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    slice,
};

/// Copies that are made of a record that changes all the while, before it is given up.
const ATTEMPTS: usize = 3;

/// Where from, where to, and in which steps.
pub(super) struct Pair<'s, S, T> {
    pub(super) from: &'s S,
    pub(super) to: &'s T,
    /// Records of a page.
    pub(super) page: u32,
    pub(super) bar: &'s Bar,
}

/// What the comparison found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// The digests of both sides, by the record.
    records: BTreeMap<String, ([u8; 32], Option<[u8; 32]>)>,
    pub(super) failed: Vec<Failure>,
    /// Copied again, because they changed after they were copied.
    pub(super) changed: u64,
    /// Removed from the destination, because they went away at the source.
    pub(super) gone: u64,
    /// At the source, but of no session.
    pub(super) skipped: u64,
    /// At the destination, and not at the source.
    pub(super) only_there: u64,
}

/// A record that could not be moved.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Failure {
    pub(super) record: String,
    pub(super) reason: String,
}

/// A record after its copy was looked at, as both sides were then.
struct Settled<R> {
    how: How,
    here: Option<R>,
    there: Option<R>,
}

/// How a record came to be the same in both places, or not.
enum How {
    Already,
    /// Not there, or damaged on its way.
    Again,
    /// It is not what it was when it was read.
    Changed,
    Gone,
    Failed(String),
}

impl<S, T> Pair<'_, S, T>
where
    S: Source,
    T: Store<Record = S::Record>,
{
    /// Copies what is left to copy. After each page the state says so.
    pub(super) async fn copy(&self, state: &mut State) -> anyhow::Result<()> {
        while !state.progress.all_copied {
            let cursor = state.progress.cursor.clone();
            // What is skipped or cannot be read, the comparison meets again, and tells of it.
            let Page { records, next, .. } =
                patiently(async || self.from.page(cursor.as_deref(), self.page).await).await?;
            let written = self.write(records).await?;
            for settled in self.settle(written).await? {
                let progress = &mut state.progress;
                match settled.how {
                    How::Already | How::Again => progress.copied += 1,
                    How::Changed => {
                        progress.copied += 1;
                        progress.changed += 1;
                    }
                    How::Gone => progress.gone += 1,
                    // The comparison meets it again, and tells of it.
                    How::Failed(_) => {}
                }
            }
            state.progress.all_copied = next.is_none();
            state.progress.cursor = next;
            state.save()?;
            self.bar.copied(state.progress.copied);
        }
        Ok(())
    }

    /// Compares all that the source has with what arrived, and copies again what changed.
    pub(super) async fn compare(&self) -> anyhow::Result<Comparison> {
        let mut found = Comparison::default();
        let mut cursor: Option<String> = None;
        loop {
            let Page { records, unread, next, skipped } =
                patiently(async || self.from.page(cursor.as_deref(), self.page).await).await?;
            found.skipped += skipped;
            found.failed.extend(unread.into_iter().map(|(record, reason)| Failure { record, reason }));
            self.settle(records).await?.into_iter().for_each(|settled| found.add(settled));
            self.bar.compared(found.records.len() as u64);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        // A store may give the same twice.
        found.failed.sort_by(|one, other| one.record.cmp(&other.record));
        found.failed.dedup_by(|one, other| one.record == other.record);
        found.only_there = self.only_there(&found).await?;
        Ok(found)
    }

    /// Writes a page; if the store refuses something in it, each by itself. Gives what was written.
    async fn write(&self, records: Vec<S::Record>) -> Result<Vec<S::Record>, Trouble> {
        if self.put(&records).await?.is_ok() {
            return Ok(records);
        }
        let mut written = Vec::new();
        for record in records {
            // The comparison meets what is refused again, and tells why.
            if self.put(slice::from_ref(&record)).await?.is_ok() {
                written.push(record);
            }
        }
        Ok(written)
    }

    /// Reads back what is at the destination, and mends what differs.
    async fn settle(&self, records: Vec<S::Record>) -> Result<Vec<Settled<S::Record>>, Trouble> {
        let copies = patiently(async || self.to.read(&records).await).await?;
        let mut settled = Vec::with_capacity(records.len());
        for (record, copy) in records.into_iter().zip(copies) {
            settled.push(match copy {
                Some(copy) if record.same(&copy) && !record.outlives(&copy) => {
                    Settled { how: How::Already, here: Some(record), there: Some(copy) }
                }
                _ => self.mend(record).await?,
            });
        }
        Ok(settled)
    }

    /// Copies a record as it is at the source now, until the destination has just that.
    async fn mend(&self, record: S::Record) -> Result<Settled<S::Record>, Trouble> {
        let mut reason = format!("the copy differs, also after {ATTEMPTS} attempts");
        for _ in 0..ATTEMPTS {
            let Some(now) = one(self.from, &record).await? else {
                patiently(async || self.to.remove(&record).await).await?;
                return Ok(Settled { how: How::Gone, here: None, there: None });
            };
            if let Err(refusal) = self.put(slice::from_ref(&now)).await? {
                reason = refusal;
                break;
            }
            let copy = one(self.to, &now).await?;
            if copy.as_ref().is_some_and(|copy| now.same(copy)) {
                let how = if now.same(&record) { How::Again } else { How::Changed };
                return Ok(Settled { how, here: Some(now), there: copy });
            }
        }
        let there = one(self.to, &record).await?;
        Ok(Settled { how: How::Failed(reason), here: Some(record), there })
    }

    /// Writes records; the inner result is what the destination has against them.
    async fn put(&self, records: &[S::Record]) -> Result<Result<(), String>, Trouble> {
        match patiently(async || self.to.write(records.to_vec()).await).await {
            Ok(()) => Ok(Ok(())),
            Err(Trouble::Lasting(reason)) => Ok(Err(reason)),
            Err(trouble @ Trouble::Passing(_)) => Err(trouble),
        }
    }

    async fn only_there(&self, found: &Comparison) -> anyhow::Result<u64> {
        if let Some(total) = patiently(async || self.to.total().await).await? {
            let copies = found.records.values().filter(|(_, there)| there.is_some()).count();
            return Ok(total.saturating_sub(copies as u64));
        }
        let mut others = BTreeSet::new();
        let mut cursor: Option<String> = None;
        loop {
            let Page { records, next, .. } =
                patiently(async || self.to.page(cursor.as_deref(), self.page).await).await?;
            let keys = records.iter().map(Record::key);
            others.extend(keys.filter(|key| !found.records.contains_key(key)));
            cursor = next;
            if cursor.is_none() {
                return Ok(others.len() as u64);
            }
        }
    }
}

impl Comparison {
    fn add<R: Record>(&mut self, settled: Settled<R>) {
        let Settled { how, here, there } = settled;
        let key = here.as_ref().map(Record::key);
        match how {
            How::Already => {}
            How::Again | How::Changed => self.changed += 1,
            How::Gone => self.gone += 1,
            How::Failed(reason) => {
                self.failed.push(Failure { record: key.clone().unwrap_or_default(), reason });
            }
        }
        if let (Some(key), Some(here)) = (key, here) {
            self.records.insert(key, (here.digest(), there.map(|there| there.digest())));
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.records.len() as u64
    }

    /// One digest of all at the source, and one of the same at the destination, whatever their order.
    pub(super) fn digests(&self) -> (String, String) {
        let here = self.records.values().map(|(here, _)| Some(*here));
        let there = self.records.values().map(|(_, there)| *there);
        (overall(here.flatten()), overall(there.flatten()))
    }
}

/// SHA-256 over the sorted digests.
fn overall(digests: impl Iterator<Item = [u8; 32]>) -> String {
    let mut digests: Vec<_> = digests.collect();
    digests.sort_unstable();
    let mut hasher = Sha256::new();
    digests.iter().for_each(|digest| hasher.update(digest));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn one<S: Source>(store: &S, record: &S::Record) -> Result<Option<S::Record>, Trouble> {
    let asked = slice::from_ref(record);
    let found = patiently(async || store.read(asked).await).await?;
    Ok(found.into_iter().next().flatten())
}
