//! The files that a component can read: copied to a folder of its own, as Spin does, so that nothing else is in reach.

use super::manifest::Mount;
use anyhow::{Context as _, bail, ensure};
use glob::Pattern;
use std::{
    fs,
    path::{Component as Step, Path},
};
use tempfile::TempDir;
use walkdir::WalkDir;

/// The folder of a component's files; removed when it is dropped. None, if it has no files.
///
/// # Errors
/// Files that are not there, or lead out of the manifest's folder by `..`.
pub fn copied(folder: &Path, mounts: &[Mount], excluded: &[String]) -> anyhow::Result<Option<TempDir>> {
    if mounts.is_empty() {
        return Ok(None);
    }
    let excluded = excluded
        .iter()
        .map(|pattern| Pattern::new(pattern).with_context(|| format!("exclude_files: \"{pattern}\"")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let copies = tempfile::Builder::new().prefix("corral-files-").tempdir().context("making a folder")?;
    let copying = Copying { from: folder, to: copies.path(), excluded };
    for (place, mount) in mounts.iter().enumerate() {
        let copied = match mount {
            Mount::Pattern(pattern) => copying.pattern(pattern),
            Mount::Placement(placement) => copying.placement(&placement.source, &placement.destination),
        };
        copied.with_context(|| format!("files[{place}]"))?;
    }
    Ok(Some(copies))
}

struct Copying<'a> {
    from: &'a Path,
    to: &'a Path,
    excluded: Vec<Pattern>,
}

impl Copying<'_> {
    fn pattern(&self, pattern: &str) -> anyhow::Result<()> {
        plain(Path::new(pattern))?;
        let whole = Path::new(&Pattern::escape(&self.from.display().to_string())).join(pattern);
        let found = glob::glob(&whole.display().to_string()).with_context(|| format!("\"{pattern}\""))?;
        let mut any = false;
        for path in found {
            let path = path?;
            any = true;
            if path.is_file() {
                let inside =
                    path.strip_prefix(self.from).context("a file outside of the manifest's folder")?;
                self.copy(&path, inside, inside)?;
            }
        }
        ensure!(any, "\"{pattern}\" matches no file: mend the pattern, or make the file");
        Ok(())
    }

    fn placement(&self, source: &Path, destination: &Path) -> anyhow::Result<()> {
        plain(destination)?;
        ensure!(
            destination.is_absolute(),
            "the destination \"{}\" does not start with \"/\": write where the component sees it",
            destination.display()
        );
        let from = self.from.join(source);
        let inside = destination.strip_prefix("/").unwrap_or(destination);
        if from.is_file() {
            return self.copy(&from, inside, source);
        }
        ensure!(from.is_dir(), "\"{}\" is not there: make it, or remove the entry", source.display());
        for entry in WalkDir::new(&from) {
            let entry = entry?;
            if entry.file_type().is_file() {
                let below = entry.path().strip_prefix(&from).unwrap_or(entry.path());
                self.copy(entry.path(), &inside.join(below), &source.join(below))?;
            }
        }
        Ok(())
    }

    fn copy(&self, from: &Path, inside: &Path, named: &Path) -> anyhow::Result<()> {
        if self.excluded.iter().any(|pattern| pattern.matches_path(named)) {
            return Ok(());
        }
        let to = self.to.join(inside);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        fs::copy(from, &to).with_context(|| format!("copying {}", from.display()))?;
        Ok(())
    }
}

fn plain(path: &Path) -> anyhow::Result<()> {
    if path.components().any(|step| step == Step::ParentDir) {
        bail!("\"{}\" leads out of its folder by \"..\": write it without", path.display());
    }
    Ok(())
}
