//! Brings the files to the session: read, compared, cut, sent, and what is left of former content deleted.

use super::{
    client::{self, Client},
    find::File,
    names, parts,
    progress::Progress,
    report::{Outcome, Status},
    stored::{Label, Stored},
    text,
};
use anyhow::{Context, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeSet, io::Read, path::Path, sync::OnceLock};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Requests at one time: one is embedded while the next one comes in.
const IN_FLIGHT: usize = 2;
/// Bytes of a file.
const MOST_BYTES: u64 = 64 << 20;

/// Where the files go.
pub(super) struct Target<'c> {
    client: &'c Client,
    /// None: nothing is sent.
    session: Option<&'c str>,
    stored: Stored,
    progress: &'c Progress,
    turns: Semaphore,
    /// Why nothing further needs to be tried.
    stopped: OnceLock<String>,
}

/// A file that was read.
struct Content {
    sha256: String,
    bytes: Vec<u8>,
}

/// Why a file was not ingested.
enum Failure {
    /// Its own fault.
    File(String),
    /// The host's, so others would fare no better.
    Host(String),
}

impl<'c> Target<'c> {
    pub(super) fn new(
        client: &'c Client,
        session: Option<&'c str>,
        stored: Stored,
        progress: &'c Progress,
    ) -> Self {
        let turns = Semaphore::new(IN_FLIGHT);
        Self { client, session, stored, progress, turns, stopped: OnceLock::new() }
    }

    /// What became of each file, in their order.
    pub(super) async fn ingest(&self, files: &[File]) -> Vec<Outcome> {
        stream::iter(files).map(|file| Box::pin(self.one(file))).buffered(IN_FLIGHT).collect().await
    }

    async fn one(&self, file: &File) -> Outcome {
        let result = match self.stopped.get() {
            Some(reason) => Err(Failure::File(format!("not tried, because {reason}"))),
            None => self.file(file).await,
        };
        let outcome = result.unwrap_or_else(|failure| {
            let reason = match failure {
                Failure::File(reason) => reason,
                Failure::Host(reason) => {
                    // Whoever comes first says why.
                    drop(self.stopped.set(reason.clone()));
                    reason
                }
            };
            Outcome::failed(&file.path, Some(&file.name), reason)
        });
        self.progress.file_done(&outcome);
        outcome
    }

    async fn file(&self, file: &File) -> Result<Outcome, Failure> {
        let path = file.path.clone();
        let Content { sha256, bytes } = in_background(move || read(&path)).await?;
        let outcome = |status| Outcome::new(&file.path, &file.name, status);
        if self.stored.is_whole(&file.name, &sha256) {
            self.progress.bytes_done(file.bytes);
            return Ok(outcome(Status::Unchanged));
        }
        let kind = file.kind;
        let text = in_background(move || Ok(text::of(kind, bytes)?)).await?;
        let parts = parts::cut(&text);
        if parts.len() > names::MOST_PARTS {
            return Err(Failure::File(format!("its text is too long: {} parts of a file's", parts.len())));
        }
        let ids: Vec<_> = (0..parts.len()).map(|index| names::part(&file.name, index, parts.len())).collect();
        let surplus = self.stored.surplus(&file.name, &ids.iter().cloned().collect::<BTreeSet<_>>());
        let (count, removed) = (parts.len(), surplus.len());
        let Some(session) = self.session else {
            return Ok(
                outcome(if count == 0 { Status::Empty } else { Status::Planned }).sent(count, 0, removed)
            );
        };

        let sending = parts.iter().zip(&ids).enumerate().map(|(index, (part, id))| {
            let label = Label { path: &file.path, sha256: &sha256, index, parts: count, offset: part.offset };
            let share = file.bytes / count as u64;
            async move {
                let passages = self.part(session, id, label, part.text).await?;
                self.progress.part_done(share, passages);
                Ok::<_, Failure>(passages)
            }
        });
        let passages = stream::iter(sending)
            .buffer_unordered(IN_FLIGHT)
            .try_fold(0, |sum, passages| async move { Ok(sum + passages) })
            .await?;
        // Only now: until the new content is there, the former one is better than nothing.
        for id in surplus {
            self.client.delete(session, &id).await?;
        }
        Ok(outcome(if count == 0 { Status::Empty } else { Status::Stored }).sent(count, passages, removed))
    }

    /// Sends one part, unless an earlier run did.
    async fn part(&self, session: &str, id: &str, label: Label<'_>, text: &str) -> Result<u64, Failure> {
        if self.stored.has(id, label.sha256, label.index, label.parts) {
            return Ok(0);
        }
        let document = json!({ "id": id, "text": text, "metadata": label.metadata() });
        let _turn = self.turns.acquire().await.map_err(|closed| Failure::Host(closed.to_string()))?;
        Ok(self.client.store(session, &document).await?)
    }
}

/// Reading and parsing block, so they have a thread of their own.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| Failure::File(format!("{error:#}"))),
        Err(error) => Err(Failure::File(format!("reading it broke off: {error}"))),
    }
}

fn read(path: &Path) -> anyhow::Result<Content> {
    let file = std::fs::File::open(path).context("it cannot be opened")?;
    let mut bytes = Vec::new();
    // It may be longer by now than its entry said.
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).context("it cannot be read")?;
    if bytes.len() as u64 > MOST_BYTES {
        bail!("it is larger than {} MiB; split it", MOST_BYTES >> 20);
    }
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Content { sha256, bytes })
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::Refused(_) => Self::File(error.to_string()),
            client::Error::Host(_) | client::Error::Passing { .. } => Self::Host(error.to_string()),
        }
    }
}
