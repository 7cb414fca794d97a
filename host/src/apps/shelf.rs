//! An application's generations on the disk: whole or not at all, and which of them serves.
//!
//! ```text
//! FOLDER/components/DIGEST.wasm     what generations are made of, by content
//! FOLDER/generations/NUMBER.json    a record, which names its components
//! FOLDER/current                    the number of the one that serves, of those that did before, and what the
//!                                   settings' files were then
//! FOLDER/canary                     the number of the one on trial, if there is one, and its terms
//! ```
//!
//! Each file is whole, whenever the process is killed (`files`). `current` comes last, so that it never names what is
//! not there.

use super::{
    canary::Terms,
    digest,
    generation::{Part, Parts, Record},
};
use crate::files::write_whole;
use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

const COMPONENTS: &str = "components";
const GENERATIONS: &str = "generations";
const CURRENT: &str = "current";
const CANARY: &str = "canary";
/// More are not remembered: far fewer are kept.
const MOST_BEFORE: usize = 64;

/// What is said of a name that is not.
pub const PLAIN_NAME: &str = "expected a name of letters, digits, \"-\" and \"_\"";

/// Whether an application's name can be that of a folder.
pub fn is_plain(name: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    !name.is_empty() && name.chars().all(plain)
}

/// The folder of one application.
#[derive(Clone)]
pub(super) struct Shelf {
    folder: PathBuf,
    files: Parts,
}

/// What `current` says.
#[derive(Serialize, Deserialize)]
struct Choice {
    number: u64,
    files: Parts,
    /// What served before it, the last one at the end; none where an older host wrote it.
    #[serde(default)]
    before: Option<Vec<u64>>,
}

impl Choice {
    /// `number` serves in its place: what it is chosen over is what one would return to, unless it is itself a return.
    fn replaced_by(self, number: u64) -> Option<Vec<u64>> {
        if self.number == number {
            return self.before;
        }
        let mut before = self.before.unwrap_or_default();
        match before.iter().position(|&earlier| earlier == number) {
            Some(place) => before.truncate(place),
            None => before.push(self.number),
        }
        before.drain(..before.len().saturating_sub(MOST_BEFORE));
        Some(before)
    }
}

/// What `canary` says.
#[derive(Serialize, Deserialize)]
struct Trial {
    number: u64,
    terms: Terms,
}

impl Shelf {
    /// Opens an application's folder below `folder`, or makes it, for its owner only. `files` is what the files that
    /// the settings name are now.
    pub fn open(folder: &Path, app: &str, files: Parts) -> anyhow::Result<Self> {
        ensure!(is_plain(app), "apps.{app}: {PLAIN_NAME}");
        let folder = folder.join(app);
        for below in [COMPONENTS, GENERATIONS] {
            let path = folder.join(below);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.with_context(|| format!("making {}", path.display()))?;
        }
        Ok(Self { folder, files })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the files that the settings name were when they were last read.
    pub fn files(&self) -> &Parts {
        &self.files
    }

    /// One of these files is another now.
    #[must_use]
    pub fn with_file(self, part: Part, digest: String) -> Self {
        Self { files: self.files.with(part, digest), ..self }
    }

    /// The record of the generation that serves, if one was chosen when the files were what they are now.
    pub fn current(&self) -> anyhow::Result<Option<Record>> {
        match self.choice()? {
            Some(Choice { number, files, .. }) if files == self.files => self.record(number).map(Some),
            _ => Ok(None),
        }
    }

    /// The numbers of those that served before the one that serves now, the last one at the end: what to return to.
    /// None where that is not known.
    pub fn before(&self) -> Option<Vec<u64>> {
        self.choice().ok()??.before
    }

    fn choice(&self) -> anyhow::Result<Option<Choice>> {
        let path = self.folder.join(CURRENT);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display())).map(Some)
    }

    /// All records, by number. What cannot be read is passed over, and said in the log.
    pub fn records(&self) -> anyhow::Result<Vec<Record>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(self.folder.join(GENERATIONS)).context("listing generations")? {
            let path = entry.context("listing generations")?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")?.parse().ok());
            // Anything else is a draft that a killed process has left.
            let Some(number) = number else { continue };
            match self.record(number) {
                Ok(record) => records.push(record),
                Err(error) => {
                    tracing::error!(path = %path.display(), cause = format!("{error:#}"), "ignored")
                }
            }
        }
        records.sort_by_key(|record| record.number);
        Ok(records)
    }

    /// A component, if it is what its name says.
    pub fn component(&self, wanted: &str) -> anyhow::Result<Vec<u8>> {
        let path = self.component_path(wanted);
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        ensure!(digest(&bytes) == wanted, "{} is damaged: its digest is another", path.display());
        Ok(bytes)
    }

    /// Writes a generation whole. It does not serve before it is [chosen](Self::choose).
    pub fn put(&self, record: &Record, gateway: &[u8], logic: &[u8]) -> anyhow::Result<()> {
        let Parts { gateway: gateway_digest, logic: logic_digest } = &record.parts;
        for (digest, bytes) in [(gateway_digest, gateway), (logic_digest, logic)] {
            let path = self.component_path(digest);
            if !path.exists() {
                write_whole(&path, &[bytes])?;
            }
        }
        write_whole(&self.record_path(record.number), &[&serde_json::to_vec_pretty(record)?])
    }

    /// Has a generation serve from the next start on.
    pub fn choose(&self, number: u64) -> anyhow::Result<()> {
        // What is damaged is replaced; what served before it is not known then.
        let now = self.choice().ok().flatten();
        let before = now.map_or(Some(Vec::new()), |now| now.replaced_by(number));
        let choice = Choice { number, files: self.files.clone(), before };
        write_whole(&self.folder.join(CURRENT), &[&serde_json::to_vec_pretty(&choice)?])
    }

    /// The number of the generation that is on trial, and its terms.
    pub fn canary(&self) -> anyhow::Result<Option<(u64, Terms)>> {
        let path = self.folder.join(CANARY);
        match fs::read(&path) {
            Ok(text) => {
                let Trial { number, terms } = serde_json::from_slice(&text)
                    .with_context(|| format!("{} is damaged", path.display()))?;
                Ok(Some((number, terms)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Has a generation be on trial after the next start too.
    pub fn try_out(&self, number: u64, terms: &Terms) -> anyhow::Result<()> {
        let trial = Trial { number, terms: terms.clone() };
        write_whole(&self.folder.join(CANARY), &[&serde_json::to_vec_pretty(&trial)?])
    }

    /// None is on trial after the next start.
    pub fn end_canary(&self) -> anyhow::Result<()> {
        let path = self.folder.join(CANARY);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Removes all generations but these, and what only they were made of.
    pub fn retain(&self, kept: &[&Record]) -> anyhow::Result<()> {
        let records: BTreeSet<_> = kept.iter().map(|record| self.record_path(record.number)).collect();
        let components: BTreeSet<_> = kept
            .iter()
            .flat_map(|record| [&record.parts.gateway, &record.parts.logic])
            .map(|digest| self.component_path(digest))
            .collect();
        for (below, kept) in [(GENERATIONS, records), (COMPONENTS, components)] {
            for entry in fs::read_dir(self.folder.join(below)).context("tidying up")? {
                let path = entry.context("tidying up")?.path();
                if !kept.contains(&path) {
                    fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
                }
            }
        }
        Ok(())
    }

    fn record(&self, number: u64) -> anyhow::Result<Record> {
        let path = self.record_path(number);
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let record: Record =
            serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))?;
        if record.number != number {
            bail!("{} is the record of generation {}", path.display(), record.number);
        }
        Ok(record)
    }

    fn record_path(&self, number: u64) -> PathBuf {
        self.folder.join(GENERATIONS).join(format!("{number}.json"))
    }

    fn component_path(&self, digest: &str) -> PathBuf {
        self.folder.join(COMPONENTS).join(format!("{digest}.wasm"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn open(folder: &Path) -> Shelf {
        Shelf::open(folder, "chat", parts(b"gateway", b"file")).unwrap()
    }

    fn parts(gateway: &[u8], logic: &[u8]) -> Parts {
        Parts { gateway: digest(gateway), logic: digest(logic) }
    }

    fn record(number: u64, logic: &[u8]) -> Record {
        let parts = parts(b"gateway", logic);
        let (settings, by) = (String::new(), "a test".to_owned());
        Record { number, parts, signatures: Parts::default(), settings, made: Timestamp::UNIX_EPOCH, by }
    }

    #[test]
    fn what_was_put_and_chosen_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = open(folder.path());
        assert_eq!(shelf.current().unwrap(), None);
        let (one, two) = (record(1, b"one"), record(2, b"two"));
        shelf.put(&one, b"gateway", b"one").unwrap();
        shelf.choose(1).unwrap();
        shelf.put(&two, b"gateway", b"two").unwrap();
        let again = open(folder.path());
        assert_eq!(again.current().unwrap(), Some(one.clone()), "the second was not chosen");
        assert_eq!(again.records().unwrap(), [one.clone(), two.clone()]);
        assert_eq!(again.component(&one.parts.logic).unwrap(), b"one");
        again.choose(2).unwrap();
        again.retain(&[&two]).unwrap();
        assert_eq!(again.records().unwrap(), std::slice::from_ref(&two));
        assert!(again.component(&one.parts.logic).is_err());
        assert_eq!(again.component(&two.parts.gateway).unwrap(), b"gateway");
    }

    #[test]
    fn a_choice_holds_until_the_files_change() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = open(folder.path());
        let one = record(1, b"one");
        shelf.put(&one, b"gateway", b"one").unwrap();
        shelf.choose(1).unwrap();
        let changed = shelf.with_file(Part::Logic, digest(b"other"));
        assert_eq!(changed.current().unwrap(), None);
        changed.choose(1).unwrap();
        assert_eq!(changed.current().unwrap(), Some(one), "chosen again, with the files as they are now");
    }

    #[test]
    fn what_served_before_is_what_one_returns_to() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = open(folder.path());
        let before = |chosen: &[u64]| {
            chosen.iter().for_each(|&number| shelf.choose(number).unwrap());
            shelf.before().unwrap()
        };
        assert!(before(&[1]).is_empty());
        // 2 was on trial and never served.
        assert_eq!(before(&[3, 3]), [1]);
        assert_eq!(before(&[4, 5]), [1, 3, 4]);
        assert_eq!(before(&[4]), [1, 3], "5 is returned from");
        assert_eq!(before(&[6]), [1, 3, 4], "and is not what one returns to");
        assert!(before(&[1]).is_empty());
        assert_eq!(before(&[6]), [1], "forward again");
        let old = format!("{{\"number\": 6, \"files\": {}}}", serde_json::to_string(shelf.files()).unwrap());
        fs::write(folder.path().join("chat/current"), old).unwrap();
        assert_eq!(shelf.before(), None, "an older host did not say");
        assert_eq!(before(&[7]), [6]);
    }

    #[test]
    fn what_is_damaged_or_half_written_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = open(folder.path());
        let (one, two) = (record(1, b"one"), record(2, b"two"));
        shelf.put(&one, b"gateway", b"one").unwrap();
        shelf.put(&two, b"gateway", b"two").unwrap();
        fs::write(shelf.component_path(&one.parts.logic), b"other").unwrap();
        assert!(shelf.component(&one.parts.logic).unwrap_err().to_string().contains("damaged"));
        fs::write(shelf.record_path(2), b"{\"number\": 2, \"par").unwrap();
        fs::write(folder.path().join("chat/generations/3.draft"), b"{").unwrap();
        assert_eq!(shelf.records().unwrap(), [one]);
        shelf.choose(2).unwrap();
        assert!(shelf.current().is_err());
        fs::write(folder.path().join("chat/current"), b"2\n").unwrap();
        assert!(shelf.current().is_err());
    }

    #[test]
    fn a_name_that_leaves_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Shelf::open(folder.path(), "../chat", Parts::default()).is_err());
    }
}
