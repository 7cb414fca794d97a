//! `corral models fetch`: which files a wish means, and what is said of them when they are here.
//!
//! Not here: the download itself (`fetch.rs`).

use super::{
    Fetch,
    catalogue::{self, Model},
    fetch::{self, Expected, Trust},
    folder,
    hub::{Hub, Remote},
    progress,
};
use crate::cli::{say, say_json};
use anyhow::{Context, bail};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What is here now.
#[derive(Serialize)]
struct Brought {
    files: Vec<File>,
    /// The setting that chooses it, and its value.
    setting: String,
    value: PathBuf,
}

#[derive(Serialize)]
struct File {
    path: PathBuf,
    /// None for one that was here already, with the hash of the catalogue.
    trust: Option<Trust>,
}

pub(super) async fn run(folder: &Path, wanted: &Fetch) -> anyhow::Result<()> {
    let bringing = Bringing { hub: Hub::new(crate::config::hub())?, folder, wanted };
    let brought = match &wanted.file {
        Some(file) => bringing.any(file).await?,
        None => {
            let models = catalogue::models()?;
            let Some(model) = models.iter().find(|model| model.name == wanted.model) else {
                bail!("{}", super::unknown(&wanted.model, &models));
            };
            bringing.known(model).await?
        }
    };
    if wanted.json {
        return say_json(&brought);
    }
    let Brought { setting, value, .. } = brought;
    let (section, key) = setting.split_once('.').unwrap_or(("inference", &setting));
    Ok(say(&format!(
        "To use it, in runtime.toml:\n\n[{section}]\n{key} = {:?}",
        value.display().to_string()
    ))?)
}

struct Bringing<'w> {
    hub: Hub,
    folder: &'w Path,
    wanted: &'w Fetch,
}

impl Bringing<'_> {
    /// A model of the catalogue.
    async fn known(&self, model: &Model) -> anyhow::Result<Brought> {
        let mut files = Vec::new();
        for file in &model.files {
            let place = self.folder.join(&file.local);
            if place.is_file() && !self.wanted.force {
                let size = place.metadata().ok().map(|data| data.len());
                if !file.is(&folder::hash(&place, &progress::bytes(size, "checking", &file.local))?) {
                    bail!("{}: another file is there; --force replaces it", place.display());
                }
                files.push(self.told(File { path: place, trust: None })?);
                continue;
            }
            let remote = Remote {
                repository: model.repository.clone(),
                revision: model.revision.clone(),
                path: file.remote.clone(),
            };
            let expected = Expected { sha256: Some(file.sha256.clone()), size: Some(file.size) };
            files.push(self.one(&remote, place, expected).await?);
        }
        Ok(Brought { files, setting: model.setting.clone(), value: self.folder.join(&model.path) })
    }

    /// Any file of any repository.
    async fn any(&self, file: &str) -> anyhow::Result<Brought> {
        let Fetch { model, revision, force, .. } = self.wanted;
        let remote = Remote { repository: model.clone(), revision: revision.clone(), path: file.into() };
        let Some(name) = Path::new(file).file_name() else { bail!("{file:?} names no file") };
        let place = self.folder.join(name);
        if place.exists() && !force {
            bail!("{}: a file is there already; --force replaces it", place.display());
        }
        let file = self.one(&remote, place.clone(), Expected::default()).await?;
        Ok(Brought { files: vec![file], setting: "inference.model".into(), value: place })
    }

    async fn one(&self, remote: &Remote, path: PathBuf, expected: Expected) -> anyhow::Result<File> {
        let fetching = || format!("fetching {} of {}", remote.path, remote.repository);
        let trust = fetch::fetch(&self.hub, remote, &path, expected, Duration::from_secs(1)).await;
        self.told(File { path, trust: Some(trust.with_context(fetching)?) })
    }

    /// People hear of each file at once.
    fn told(&self, file: File) -> anyhow::Result<File> {
        if self.wanted.json {
            return Ok(file);
        }
        let how = match file.trust {
            None => "is here already",
            Some(Trust::Catalogue) => "it has the hash that Corral knows",
            Some(Trust::Hub) => {
                "it has the hash that the hub gives; kept beside it for `corral models verify`"
            }
            Some(Trust::FirstUse) => {
                "nobody gives a hash for it, so it is trusted as it came; its hash is kept beside it for `corral \
                 models verify`"
            }
        };
        say(&format!("{}: {how}", file.path.display()))?;
        Ok(file)
    }
}
