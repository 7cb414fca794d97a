//! `corral build`: the commands that the manifest has for its components.

use super::manifest::{self, Build};
use anyhow::{Context as _, bail};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A component's commands, and where they run.
pub struct Step {
    /// The component's id.
    pub component: String,
    /// For the shell, one after the other.
    pub commands: Vec<String>,
    /// Where.
    pub folder: PathBuf,
}

/// What has to be run for these components; none named is all of them.
///
/// # Errors
/// A manifest that is wrong, and components that it does not have.
pub fn steps(file: &Path, only: &[String], profile: Option<&str>) -> anyhow::Result<Vec<Step>> {
    let manifest = manifest::read(file)?;
    if let Some(unknown) = only.iter().find(|id| !manifest.components.contains_key(*id)) {
        let known = manifest.components.keys().cloned().collect::<Vec<_>>().join(", ");
        bail!("{} has no component \"{unknown}\", only {known}", file.display());
    }
    let folder = super::load::folder_of(file);
    let wanted = manifest.components.into_iter().filter(|(id, _)| only.is_empty() || only.contains(id));
    Ok(wanted
        .filter_map(|(id, component)| Some((id, component.under(profile).build?)))
        .map(|(component, Build { command, workdir, .. })| Step {
            component,
            commands: command.each().to_vec(),
            folder: workdir.map_or_else(|| folder.clone(), |inner| folder.join(inner)),
        })
        .collect())
}

impl Step {
    /// Runs a command of it, with what it says going where ours does.
    ///
    /// # Errors
    /// A command that cannot be run or fails.
    pub fn run(&self, command: &str) -> anyhow::Result<()> {
        let failed = || format!("building {}: `{command}` in {}", self.component, self.folder.display());
        let status = Command::new("/bin/sh")
            .args(["-c", command])
            .current_dir(&self.folder)
            .status()
            .with_context(failed)?;
        if !status.success() {
            bail!("{}: {status}", failed());
        }
        Ok(())
    }
}
