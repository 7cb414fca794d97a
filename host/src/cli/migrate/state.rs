//! How far a move is, kept in a file so that an interrupted one goes on.
//!
//! Not here: passwords. Places are kept by their names.

use crate::files::write_whole;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::PathBuf};

const VERSION: u32 = 1;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    version: u32,
    /// `sessions` or `vectors`.
    what: String,
    from: String,
    to: String,
    /// Where the next page begins.
    pub(super) cursor: Option<String>,
    /// Whether there is no next page.
    pub(super) all_copied: bool,
    pub(super) copied: u64,
    /// Those that changed after they were read.
    pub(super) changed: u64,
    /// Those that went away after they were read.
    pub(super) gone: u64,
}

impl Progress {
    pub(super) fn new(what: &str, from: &str, to: &str) -> Self {
        let [what, from, to] = [what, from, to].map(str::to_owned);
        Self {
            version: VERSION,
            what,
            from,
            to,
            cursor: None,
            all_copied: false,
            copied: 0,
            changed: 0,
            gone: 0,
        }
    }
}

/// The file.
pub(super) struct State {
    path: PathBuf,
    pub(super) progress: Progress,
}

impl State {
    /// What an earlier run left, if it was about the same; else the beginning.
    pub(super) fn open(path: PathBuf, begin: Progress) -> anyhow::Result<Self> {
        let reading = || format!("reading {}", path.display());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, progress: begin });
            }
            Err(error) => return Err(error).with_context(reading),
        };
        let progress: Progress = serde_json::from_str(&text)
            .with_context(reading)
            .context("this is no state of a move; delete it to begin anew, or name another with --state")?;
        let same = |one: &Progress| (one.version, one.what.clone(), one.from.clone(), one.to.clone());
        if same(&progress) != same(&begin) {
            bail!(
                "{} is of a move of {} from {} to {} that was not finished; finish it, delete the file, or name another \
                 with --state",
                path.display(),
                progress.what,
                progress.from,
                progress.to
            );
        }
        Ok(Self { path, progress })
    }

    /// Whether an earlier run did some of it.
    pub(super) fn is_resumed(&self) -> bool {
        self.progress.cursor.is_some() || self.progress.all_copied
    }

    /// Writes it in one step: a reader finds the former state or this one.
    pub(super) fn save(&self) -> anyhow::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        write_whole(&self.path, &[&serde_json::to_vec_pretty(&self.progress)?])
    }

    /// The move is done.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_found_again_and_only_for_the_same_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state.json");
        let begin = || Progress::new("sessions", "embedded:/a", "redis://b:6379/0 session:");
        let mut state = State::open(path.clone(), begin()).unwrap();
        assert!(!state.is_resumed());
        (state.progress.cursor, state.progress.copied) = (Some("7".to_owned()), 12);
        state.save().unwrap();

        let again = State::open(path.clone(), begin()).unwrap();
        assert!(again.is_resumed());
        assert_eq!(again.progress, state.progress);
        let other = State::open(path.clone(), Progress::new("sessions", "embedded:/a", "embedded:/c"));
        let error = other.err().unwrap().to_string();
        assert!(error.contains("redis://b:6379/0") && error.contains("--state"), "{error}");

        again.remove().unwrap();
        assert!(!path.exists());
        fs::write(&path, "{}").unwrap();
        assert!(State::open(path, begin()).is_err());
    }
}
