//! The models that are known by name (`catalogue.toml`), and their files' hashes.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A model that is known by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) licence: String,
    pub(super) repository: String,
    pub(super) revision: String,
    /// The setting that chooses it, and to what below the models' folder.
    pub(super) setting: String,
    pub(super) path: String,
    pub(super) files: Vec<File>,
}

/// One file of a model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Its path in the repository.
    pub(super) remote: String,
    /// Its path below the models' folder.
    pub(super) local: String,
    pub(super) size: u64,
    pub(super) sha256: Digest,
    /// Other builds that are as good.
    #[serde(default)]
    pub(super) also: Vec<Digest>,
}

/// A SHA-256: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub(super) struct Digest(String);

/// All of them.
pub(super) fn models() -> anyhow::Result<Vec<Model>> {
    #[derive(Deserialize)]
    struct Catalogue {
        model: Vec<Model>,
    }
    let catalogue: Catalogue = toml::from_str(include_str!("catalogue.toml")).context("the catalogue")?;
    Ok(catalogue.model)
}

impl Model {
    pub(super) fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

impl File {
    /// Whether a file with this hash is the one that is meant.
    pub(super) fn is(&self, digest: &Digest) -> bool {
        self.sha256 == *digest || self.also.contains(digest)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.to_ascii_lowercase();
        let fine = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if fine { Ok(Self(text)) } else { Err(format!("{text:?} is no SHA-256")) }
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_entry_is_pinned_and_stays_in_its_folder() {
        for model in super::models().unwrap() {
            assert_eq!(model.revision.len(), 40, "{}: a commit, not a branch", model.name);
            assert!(!model.files.is_empty());
            for file in &model.files {
                assert!(file.local.starts_with(&model.path), "{}", file.local);
                assert!(!file.local.contains(".."));
            }
        }
    }
}
