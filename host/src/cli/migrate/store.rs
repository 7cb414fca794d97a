//! What moving needs of a store, whatever it keeps; and waiting for one that is away for a moment.

use anyhow::anyhow;
use backon::{ExponentialBuilder, Retryable};
use std::time::Duration;

/// Sessions, or passages, that are read.
pub(super) trait Source {
    type Record: Record;

    /// Some records: the first ones, or those where the page before says to go on.
    async fn page(&self, cursor: Option<&str>, limit: u32) -> Result<Page<Self::Record>, Trouble>;

    /// What is there of each, in their order.
    async fn read(&self, records: &[Self::Record]) -> Result<Vec<Option<Self::Record>>, Trouble>;

    /// How many there are, if that can be had without reading them all.
    async fn total(&self) -> Result<Option<u64>, Trouble>;
}

/// Where they are moved to.
pub(super) trait Store: Source {
    /// Stores them in the place of what is there.
    async fn write(&self, records: Vec<Self::Record>) -> Result<(), Trouble>;

    /// Removes one that is there.
    async fn remove(&self, record: &Self::Record) -> Result<(), Trouble>;
}

/// Some of what a store keeps.
pub(super) struct Page<R> {
    pub(super) records: Vec<R>,
    /// What cannot be read, each with the reason.
    pub(super) unread: Vec<(String, String)>,
    /// Where to go on; nowhere at the end.
    pub(super) next: Option<String>,
    /// What is there beside the records and is of no session, so that it cannot be moved.
    pub(super) skipped: u64,
}

/// One of what a store keeps.
pub(super) trait Record: Clone {
    /// Its name, by which it is found in both places.
    fn key(&self) -> String;

    /// The same for the same content in any store.
    fn digest(&self) -> [u8; 32];

    /// Whether the copy says what this one says.
    fn same(&self, copy: &Self) -> bool {
        self.digest() == copy.digest()
    }

    /// Whether the copy says the same, but will not live as long.
    fn outlives(&self, _copy: &Self) -> bool {
        false
    }
}

/// Why a store did not do it.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may do so in a moment.
    Passing(String),
    /// It will not, whenever it is asked.
    Lasting(String),
}

impl From<Trouble> for anyhow::Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Passing(detail) | Trouble::Lasting(detail) => anyhow!(detail),
        }
    }
}

/// Tries of a store that has answered before, which take half a minute or so.
const LATER: usize = 7;
/// Tries of a store that may never have been there.
const AT_FIRST: usize = 3;

/// Asks again while the store is away.
pub(super) async fn patiently<T, F: Future<Output = Result<T, Trouble>>>(
    ask: impl FnMut() -> F,
) -> Result<T, Trouble> {
    again(ask, LATER).await
}

/// Asks again, but not for long: the address may be wrong.
pub(super) async fn at_first<T, F: Future<Output = Result<T, Trouble>>>(
    ask: impl FnMut() -> F,
) -> Result<T, Trouble> {
    again(ask, AT_FIRST).await
}

async fn again<T, F: Future<Output = Result<T, Trouble>>>(
    ask: impl FnMut() -> F,
    times: usize,
) -> Result<T, Trouble> {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(times)
        .with_jitter();
    ask.retry(pauses).when(|trouble| matches!(trouble, Trouble::Passing(_))).await
}
