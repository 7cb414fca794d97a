//! The models' folder: hashes of its files, and the pins beside them.
//!
//! A file whose hash nobody knew is trusted at its first download: its hash is kept beside it, as
//! `FILE.sha256` in the form of sha256sum, and every later check compares with that.

use super::catalogue::Digest;
use anyhow::{Context, anyhow};
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

const PIECE: usize = 1 << 20;

/// The hash of a file, counted on the bar.
pub(super) fn hash(path: &Path, bar: &ProgressBar) -> anyhow::Result<Digest> {
    let reading = || format!("reading {}", path.display());
    let mut file = fs::File::open(path).with_context(reading)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).with_context(reading),
        };
        hasher.update(&piece[..read]);
        bar.inc(read as u64);
    }
    let text: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    text.parse().map_err(|error: String| anyhow!(error))
}

/// The hash that was kept beside a file at its first download.
pub(super) fn pinned(path: &Path) -> anyhow::Result<Option<Digest>> {
    let pin = beside(path, "sha256");
    let text = match fs::read_to_string(&pin) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", pin.display())),
    };
    let digest = text.split_whitespace().next().unwrap_or_default().parse();
    digest.map(Some).map_err(|error: String| anyhow!("{}: {error}", pin.display()))
}

/// Keeps a file's hash beside it.
pub(super) fn pin(path: &Path, digest: &Digest) -> anyhow::Result<()> {
    let pin = beside(path, "sha256");
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    fs::write(&pin, format!("{digest}  {name}\n")).with_context(|| format!("writing {}", pin.display()))
}

/// The file of the same name with a further ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Every model file below the folder, as paths within it: what is not a pin or a part of a download.
pub(super) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match fs::read_dir(&next) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("reading {}", next.display())),
        };
        for entry in entries {
            let path = entry.with_context(|| format!("reading {}", next.display()))?.path();
            let ending = path.extension().unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if ending != "sha256" && ending != "part" {
                found.push(path.strip_prefix(folder).unwrap_or(&path).to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
