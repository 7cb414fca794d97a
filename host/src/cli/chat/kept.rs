//! Which sessions were held from this terminal: a host lists nobody's sessions, since whoever knows an id may read it.
//!
//! Kept beside the history of what was typed, for its owner alone.

use crate::{config, files};
use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, fs, path::PathBuf};

/// How many are kept.
const MOST: usize = 50;
/// How much of the first message tells one session from another, in characters.
const TITLE: usize = 60;

/// A session that was held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) id: String,
    /// The host's address.
    url: String,
    /// What was said first.
    title: String,
    used: Timestamp,
}

/// All of them, the one used last first; none where nothing is kept.
pub(super) struct Sessions {
    file: Option<PathBuf>,
    url: String,
}

impl Sessions {
    /// Those of the host at `url`. What scripts do is not kept.
    pub(super) fn of(url: &str, terminal: bool) -> Self {
        Self { file: config::sessions_file().filter(|_| terminal), url: url.to_owned() }
    }

    pub(super) fn list(&self) -> anyhow::Result<Vec<Kept>> {
        Ok(self.all()?.into_iter().filter(|kept| kept.url == self.url).collect())
    }

    /// A session was used, with this message.
    pub(super) fn used(&self, id: &str, message: &str) -> anyhow::Result<()> {
        let mut all = self.all()?;
        let before = all.iter().position(|kept| kept.id == id).map(|place| all.remove(place));
        let title = before.map_or_else(|| title(message), |kept| kept.title);
        let kept = Kept { id: id.to_owned(), url: self.url.clone(), title, used: Timestamp::now() };
        all.insert(0, kept);
        all.truncate(MOST);
        self.write(&all)
    }

    /// The host does not know it any more.
    pub(super) fn gone(&self, id: &str) -> anyhow::Result<()> {
        let mut all = self.all()?;
        all.retain(|kept| kept.id != id);
        self.write(&all)
    }

    /// Nothing is kept from now on.
    pub(super) fn give_up(&mut self) {
        self.file = None;
    }

    fn all(&self) -> anyhow::Result<Vec<Kept>> {
        let Some(file) = self.file.as_ref().filter(|file| file.exists()) else { return Ok(Vec::new()) };
        let reading = || format!("reading {}; it may be deleted", file.display());
        let text = fs::read_to_string(file).with_context(reading)?;
        serde_json::from_str(&text).with_context(reading)
    }

    fn write(&self, all: &[Kept]) -> anyhow::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        files::write_whole(file, &[&serde_json::to_vec_pretty(all)?])
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, title, used, .. } = self;
        write!(f, "{}  {id}  {title}", used.strftime("%Y-%m-%d %H:%M UTC"))
    }
}

/// The beginning of a message, in one line.
fn title(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TITLE {
        return line;
    }
    line.chars().take(TITLE - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_kept_by_host_and_the_one_used_last_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/sessions.json");
        let here = Sessions { file: Some(file.clone()), url: "http://here".into() };
        let there = Sessions { file: Some(file.clone()), url: "http://there".into() };
        assert_eq!(here.list().unwrap(), []);
        here.used("one", &"word ".repeat(40)).unwrap();
        here.used("two", "What is\na heron?").unwrap();
        there.used("three", "hello").unwrap();
        here.used("one", "another message").unwrap();
        let kept = here.list().unwrap();
        let ids: Vec<_> = kept.iter().map(|kept| kept.id.as_str()).collect();
        assert_eq!(ids, ["one", "two"]);
        assert!(kept[0].title.starts_with("word word") && kept[0].title.chars().count() == TITLE);
        assert_eq!(kept[1].title, "What is a heron?");
        here.gone("two").unwrap();
        assert_eq!((here.list().unwrap().len(), there.list().unwrap().len()), (1, 1));
        for number in 0..=MOST {
            here.used(&number.to_string(), "x").unwrap();
        }
        assert_eq!(here.list().unwrap().len(), MOST);
    }
}
