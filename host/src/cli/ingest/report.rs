//! What became of each file, for people and as JSON.

use super::find::Found;
use crate::cli::{say, say_json};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// None when nothing was sent and nobody named one.
    pub(super) session: Option<String>,
    pub(super) dry_run: bool,
    pub(super) files: Vec<Outcome>,
    /// How many were left out, by the reason.
    pub(super) skipped: BTreeMap<&'static str, usize>,
    totals: Totals,
}

/// What became of one file.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    path: String,
    /// What it is called as a document; a file of several parts has a number behind it for each.
    id: Option<String>,
    status: Status,
    parts: usize,
    /// Passages that the application made of what was sent this time.
    passages: u64,
    /// Former parts that were deleted, or would be.
    removed: usize,
    /// Why it failed or was skipped.
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Stored,
    /// It would be stored, were this no dry run.
    Planned,
    Unchanged,
    /// Nothing in it.
    Empty,
    Failed,
}

#[derive(Debug, Default, Serialize)]
struct Totals {
    stored: usize,
    unchanged: usize,
    skipped: usize,
    failed: usize,
    passages: u64,
}

impl Outcome {
    pub(super) fn new(path: &Path, id: &str, status: Status) -> Self {
        let path = path.display().to_string();
        Self { path, id: Some(id.to_owned()), status, parts: 0, passages: 0, removed: 0, reason: None }
    }

    pub(super) fn sent(mut self, parts: usize, passages: u64, removed: usize) -> Self {
        (self.parts, self.passages, self.removed) = (parts, passages, removed);
        self
    }

    pub(super) fn failed(path: &Path, id: Option<&str>, reason: String) -> Self {
        let path = path.display().to_string();
        let id = id.map(str::to_owned);
        Self { path, id, status: Status::Failed, parts: 0, passages: 0, removed: 0, reason: Some(reason) }
    }

    /// One line for people, if there is something to say.
    pub(super) fn complaint(&self) -> Option<String> {
        self.reason.as_ref().map(|reason| harmless(&format!("{}: {reason}", self.path)))
    }
}

impl Report {
    pub(super) fn new(session: Option<String>, dry_run: bool, found: Found, files: Vec<Outcome>) -> Self {
        let count = |status| files.iter().filter(|file| file.status == status).count();
        let totals = Totals {
            stored: count(Status::Stored) + count(Status::Planned),
            unchanged: count(Status::Unchanged),
            skipped: count(Status::Empty) + found.skipped.values().sum::<usize>(),
            failed: count(Status::Failed),
            passages: files.iter().map(|file| file.passages).sum(),
        };
        Self { session, dry_run, files, skipped: found.skipped, totals }
    }

    pub fn all_well(&self) -> bool {
        self.totals.failed == 0
    }

    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json { say_json(self) } else { Ok(say(&self.summary())?) }
    }

    /// For people, in one line.
    pub fn summary(&self) -> String {
        let Totals { stored, unchanged, skipped, failed, passages } = self.totals;
        let mut line = if self.dry_run {
            format!("{} to store", counted(stored as u64, "file"))
        } else {
            format!("{} stored as {}", counted(stored as u64, "file"), counted(passages, "passage"))
        };
        line += &format!(", {unchanged} unchanged, {skipped} skipped, {failed} failed");
        let empty = self.files.iter().filter(|file| file.status == Status::Empty).count();
        let reasons = self.skipped.iter().map(|(reason, count)| format!("{count} {reason}"));
        let reasons: Vec<_> = reasons.chain((empty > 0).then(|| format!("{empty} without text"))).collect();
        if !reasons.is_empty() {
            line += &format!(". Skipped: {}", reasons.join(", "));
        }
        line
    }
}

fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A file's name must not steer the terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '�' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_everything_and_says_why() {
        let path = Path::new("a\u{1b}.txt");
        let found = Found { skipped: [("hidden", 2), ("linked", 1)].into(), ..Found::default() };
        let files = vec![
            Outcome::new(path, "a", Status::Stored).sent(2, 7, 0),
            Outcome::new(path, "b", Status::Empty),
            Outcome::failed(path, None, "broken".to_owned()),
        ];
        assert_eq!(files[2].complaint().unwrap(), "a�.txt: broken");
        let report = Report::new(Some("s".to_owned()), false, found, files);
        assert!(!report.all_well());
        assert_eq!(
            report.summary(),
            "1 file stored as 7 passages, 0 unchanged, 4 skipped, 1 failed. Skipped: 2 hidden, 1 linked, 1 without text"
        );
    }
}
