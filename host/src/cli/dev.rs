//! `corral dev`: builds a project's component and deploys it to a running host, each time that a file of it is saved.
//!
//! What the project is, its `corral.toml` says. Files are looked at in turns, as the host does with components
//! (`apps/watch.rs`): a few hundred of them cost nothing, and every way of saving is seen.

mod step;
#[cfg(test)]
mod tests;

use super::{Settings, apps, operator::Operator};
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::{Duration, Instant, SystemTime},
};
use step::Step;
use tokio::process::Command;
use walkdir::WalkDir;

/// Between two looks at the project's files.
const PAUSE: Duration = Duration::from_millis(250);
/// What a project's folder has.
const PROJECT: &str = "corral.toml";
/// Who deploys, in the host's log.
const BY: &str = "corral dev";

/// What `corral dev` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The project's folder, with its corral.toml
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Build and deploy once, and end: with code 1 if that did not work
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    settings: Settings,
    /// As JSON, one line for each step; what the build says goes to standard error
    #[arg(long)]
    json: bool,
}

/// A project, as its `corral.toml` has it. Paths are relative to its folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Project {
    app: String,
    /// A command and what it is told. No shell reads it.
    build: Vec<String>,
    component: PathBuf,
    sources: Vec<PathBuf>,
}

/// Files, and what tells one state of each from another.
type Looks = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = &args.project;
    let project = Project::read(folder)?;
    let operator = Operator::of(&args.settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if args.once {
            project.build_and_deploy(folder, &operator, args.json).await?;
            return Ok(ExitCode::SUCCESS);
        }
        project.follow(folder, &operator, args.json).await
    })
}

impl Project {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(PROJECT);
        let text = fs::read_to_string(&path).with_context(|| {
            format!("reading {}; `corral new` makes a project that has one", path.display())
        })?;
        let project: Self = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        ensure!(!project.build.is_empty(), "{}: build is empty: name a command", path.display());
        ensure!(!project.sources.is_empty(), "{}: sources is empty: name files or folders", path.display());
        Ok(project)
    }

    /// Until the process is ended.
    async fn follow(&self, folder: &Path, operator: &Operator, json: bool) -> anyhow::Result<ExitCode> {
        loop {
            // What is saved while it is built makes another round.
            let built = self.look(folder);
            if let Err(error) = self.build_and_deploy(folder, operator, json).await {
                Step::Failed { error: format!("{error:#}") }.tell(json)?;
            }
            Step::Waiting.tell(json)?;
            while self.look(folder) == built {
                tokio::time::sleep(PAUSE).await;
            }
            self.rest(folder).await;
        }
    }

    async fn build_and_deploy(&self, folder: &Path, operator: &Operator, json: bool) -> anyhow::Result<()> {
        Step::Building { command: &self.build }.tell(json)?;
        self.build(folder, json).await?;
        let path = folder.join(&self.component);
        let bytes = tokio::fs::read(&path).await.with_context(|| {
            format!("reading {}, which {PROJECT} says is what the build makes", path.display())
        })?;
        let begun = Instant::now();
        let generation = apps::deploy_logic(operator, &self.app, bytes, BY).await?;
        let milliseconds = begun.elapsed().as_millis();
        Step::Serves { app: &self.app, generation, milliseconds }.tell(json)
    }

    /// What the tools say goes to the terminal as it is, and not among JSON.
    async fn build(&self, folder: &Path, json: bool) -> anyhow::Result<()> {
        let [program, arguments @ ..] = &self.build[..] else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).kill_on_drop(true);
        if json {
            command.stdout(Stdio::from(io::stderr()));
        }
        let status = command.status().await.with_context(|| format!("starting {program}"))?;
        ensure!(status.success(), "the build failed ({status}); what serves goes on");
        Ok(())
    }

    /// Editors write several files, and one in steps.
    async fn rest(&self, folder: &Path) {
        let mut seen = self.look(folder);
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = self.look(folder);
            if now == seen {
                return;
            }
            seen = now;
        }
    }

    /// The project's sources, without what is hidden.
    fn look(&self, folder: &Path) -> Looks {
        let files = self.sources.iter().flat_map(|source| {
            let hidden = |name: &str| name.starts_with('.');
            WalkDir::new(folder.join(source)).into_iter().filter_entry(move |entry| {
                entry.depth() == 0 || !entry.file_name().to_str().is_some_and(hidden)
            })
        });
        // What vanishes in between is seen to be gone at the next look.
        let known = files.filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            metadata.is_file().then(|| (entry.into_path(), (metadata.modified().ok(), metadata.len())))
        });
        known.collect()
    }
}
