//! Brings one file into the models' folder: resumed where it broke off, checked, then renamed into place.

use super::{
    catalogue::Digest,
    folder,
    hub::{Facts, Hub, Remote},
    progress,
};
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use serde::Serialize;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::Duration,
};

/// Broken connections in a row, without one new byte, after which it is given up.
const ATTEMPTS: u32 = 5;

/// What is known of a file before the hub is asked.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) sha256: Option<Digest>,
    pub(super) size: Option<u64>,
}

/// How the hash of a fetched file came to be known.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trust {
    /// The catalogue has it.
    Catalogue,
    /// The hub said it, and it was kept beside the file.
    Hub,
    /// Nobody said it; what came was kept beside the file.
    FirstUse,
}

/// Fetches a file to a place.
pub(super) async fn fetch(
    hub: &Hub,
    remote: &Remote,
    place: &Path,
    expected: Expected,
    pause: Duration,
) -> anyhow::Result<Trust> {
    let facts = hub.facts(remote).await?;
    let (digest, trust) = agree(expected.sha256, &facts)?;
    let size = expected.size.or(facts.size);
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let part = folder::beside(place, "part");
    let mut file = Part::open(&part)?;
    // What is there of an earlier download is of use only if the hash can show that it belongs to this one.
    if digest.is_none() {
        file.restart(0)?;
    }
    let bar = progress::bytes(size, "fetching", &remote.path);
    file.fill(hub, remote, size, &bar, pause).await?;
    drop(file);
    bar.finish_and_clear();

    let actual = check(&part, digest, size)?;
    std::fs::rename(&part, place).with_context(|| format!("moving {} into place", part.display()))?;
    if trust != Trust::Catalogue {
        folder::pin(place, &actual)?;
    }
    Ok(trust)
}

/// The hash that the file must have. The catalogue and the hub must not contradict each other.
fn agree(catalogue: Option<Digest>, facts: &Facts) -> anyhow::Result<(Option<Digest>, Trust)> {
    match (catalogue, facts.sha256.clone()) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            bail!("the hub offers another file than the catalogue has: SHA-256 {theirs} instead of {ours}")
        }
        (Some(ours), _) => Ok((Some(ours), Trust::Catalogue)),
        (None, Some(theirs)) => Ok((Some(theirs), Trust::Hub)),
        (None, None) => Ok((None, Trust::FirstUse)),
    }
}

/// Removes the part if it is not what was asked for, so that the next attempt starts afresh.
fn check(part: &Path, digest: Option<Digest>, size: Option<u64>) -> anyhow::Result<Digest> {
    let bar = progress::bytes(size, "checking", &part.with_extension("").to_string_lossy());
    let actual = folder::hash(part, &bar)?;
    bar.finish_and_clear();
    match digest {
        Some(digest) if digest != actual => {
            std::fs::remove_file(part).with_context(|| format!("removing {}", part.display()))?;
            bail!(
                "the download is damaged: its SHA-256 is {actual}, expected {digest}. It was removed; try again"
            )
        }
        _ => Ok(actual),
    }
}

/// A download that is not complete. Locked, so that two of them cannot write into one file.
struct Part {
    file: File,
    length: u64,
}

impl Part {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let opening = || format!("opening {}", path.display());
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).with_context(opening)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{} is being fetched by another corral", path.display()),
            Err(TryLockError::Error(error)) => return Err(error).with_context(opening),
        }
        let length = file.seek(SeekFrom::End(0)).with_context(opening)?;
        Ok(Self { file, length })
    }

    fn restart(&mut self, length: u64) -> anyhow::Result<()> {
        self.file.set_len(length).context("shortening the part")?;
        self.length = self.file.seek(SeekFrom::Start(length)).context("shortening the part")?;
        Ok(())
    }

    /// Reads until the file is whole, over as many connections as it takes.
    async fn fill(
        &mut self,
        hub: &Hub,
        remote: &Remote,
        size: Option<u64>,
        bar: &ProgressBar,
        pause: Duration,
    ) -> anyhow::Result<()> {
        let mut failures = 0;
        while size.is_none_or(|size| self.length < size) {
            let before = self.length;
            match self.read(hub, remote, size, bar).await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) if !broken(&error) => return Err(error),
                Err(error) if failures + 1 >= ATTEMPTS => return Err(error),
                Err(_) => {}
            }
            failures = if self.length > before { 0 } else { failures + 1 };
            if failures >= ATTEMPTS {
                bail!("the hub closes the connection again and again at byte {}", self.length);
            }
            tokio::time::sleep(pause * 2_u32.pow(failures)).await;
        }
        self.file.sync_all().context("writing the part")
    }

    /// Reads over one connection. True when the file is whole.
    async fn read(
        &mut self,
        hub: &Hub,
        remote: &Remote,
        size: Option<u64>,
        bar: &ProgressBar,
    ) -> anyhow::Result<bool> {
        let Some(download) = hub.download(remote, self.length).await? else {
            // Nothing from here on: whole if the length is unknown, and longer than the file otherwise.
            return if size.is_none() { Ok(true) } else { self.restart(0).map(|()| false) };
        };
        if download.start != self.length {
            self.restart(download.start)?;
        }
        bar.set_position(self.length);
        let mut response = download.response;
        while let Some(bytes) = response.chunk().await.context("reading from the hub")? {
            self.file.write_all(&bytes).context("writing the part")?;
            self.length += bytes.len() as u64;
            if size.is_some_and(|size| self.length > size) {
                self.restart(0)?;
                bail!("the hub sends more than the {} bytes that the file has", size.unwrap_or_default());
            }
            bar.set_position(self.length);
        }
        // Without a size the end of the body is the end of the file: HTTP says if it came too early.
        Ok(size.is_none_or(|size| self.length >= size))
    }
}

/// Whether the connection is to blame, so that another one may help.
fn broken(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<reqwest::Error>().is_some_and(|error| !error.is_builder()))
}
