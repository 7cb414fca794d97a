//! `corral models verify`: hashes of what is here, against the catalogue and the pins beside the files.

use super::{
    catalogue::{self, Digest, Model},
    folder, progress,
};
use crate::cli::{say, say_json};
use anyhow::bail;
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// One file's verdict.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) file: PathBuf,
    pub(super) state: State,
    pub(super) sha256: Option<Digest>,
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// What it should be.
    Good,
    /// Something else.
    Damaged,
    /// Not there.
    Missing,
    /// There is nothing to compare with.
    Unpinned,
}

pub(super) fn run(folder: &Path, names: &[String], json: bool) -> anyhow::Result<ExitCode> {
    let verdicts = verdicts(folder, names)?;
    if json {
        say_json(&verdicts)?;
    } else {
        verdicts.iter().try_for_each(|verdict| say(&line(verdict)))?;
        if verdicts.is_empty() {
            say(&format!("no models in {}; `corral models list` shows what there is", folder.display()))?;
        }
    }
    let wrong = verdicts.iter().any(|verdict| matches!(verdict.state, State::Damaged | State::Missing));
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Of the named models every file; without names, of everything that is here.
pub(super) fn verdicts(folder: &Path, names: &[String]) -> anyhow::Result<Vec<Verdict>> {
    let models = catalogue::models()?;
    if let Some(name) = names.iter().find(|name| models.iter().all(|model| model.name != **name)) {
        bail!("{}", super::unknown(name, &models));
    }
    let wanted =
        |model: &&Model| if names.is_empty() { begun(folder, model) } else { names.contains(&model.name) };
    let mut verdicts = Vec::new();
    for file in models.iter().filter(wanted).flat_map(|model| &model.files) {
        verdicts.push(verdict(folder.join(&file.local), |digest| Ok(Some(file.is(digest))))?);
    }
    let known =
        |path: &Path| models.iter().flat_map(|model| &model.files).any(|file| path == Path::new(&file.local));
    if names.is_empty() {
        for path in folder::files(folder)?.into_iter().filter(|path| !known(path)) {
            let place = folder.join(path);
            let pin = folder::pinned(&place)?;
            verdicts.push(verdict(place, |digest| Ok(pin.map(|pin| pin == *digest)))?);
        }
    }
    Ok(verdicts)
}

/// A model of which one file is here should be here whole.
fn begun(folder: &Path, model: &Model) -> bool {
    model.files.iter().any(|file| folder.join(&file.local).is_file())
}

fn verdict(
    file: PathBuf,
    same: impl FnOnce(&Digest) -> anyhow::Result<Option<bool>>,
) -> anyhow::Result<Verdict> {
    let Ok(data) = file.metadata() else { return Ok(Verdict { file, state: State::Missing, sha256: None }) };
    let bar = progress::bytes(Some(data.len()), "checking", &file.to_string_lossy());
    let digest = folder::hash(&file, &bar)?;
    bar.finish_and_clear();
    let state = match same(&digest)? {
        Some(true) => State::Good,
        Some(false) => State::Damaged,
        None => State::Unpinned,
    };
    Ok(Verdict { file, state, sha256: Some(digest) })
}

fn line(verdict: &Verdict) -> String {
    let file = verdict.file.display();
    let digest = verdict.sha256.as_ref().map(Digest::to_string).unwrap_or_default();
    match verdict.state {
        State::Good => format!("✓ {file}"),
        State::Damaged => {
            format!("✗ {file}: not what it should be (SHA-256 {digest}); fetch it again with --force")
        }
        State::Missing => format!("✗ {file}: missing; fetch the model again"),
        State::Unpinned => format!("· {file}: nothing to compare with (SHA-256 {digest})"),
    }
}
