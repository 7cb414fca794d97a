//! `corral models`: what models there are, bringing one here, and whether the files are what they should be.

mod bring;
mod catalogue;
mod fetch;
mod folder;
mod hub;
mod progress;
mod serving;
#[cfg(test)]
mod tests;
mod verify;

use super::{Settings, say, say_json};
use anyhow::Context;
use bytesize::ByteSize;
use catalogue::Model;
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const FETCHING: &str = "\
Examples:
  corral models fetch llama-2-7b-chat
  corral models fetch TheBloke/Llama-2-7B-Chat-GGUF llama-2-7b-chat.Q5_K_M.gguf

An interrupted download goes on where it stopped. Files of the list must have the hash that Corral knows. Of \
other files the hub says the hash, or nobody does: it is kept beside the file (FILE.sha256), and `corral models \
verify` compares with it from then on.

HF_TOKEN is sent to the hub, for models that need an accepted licence. HF_ENDPOINT names another hub.";

/// What `corral models` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// The models' folder
    #[arg(long, value_name = "FOLDER", default_value = ".corral/models", global = true)]
    folder: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the models that Corral knows by name, and the further files in the folder
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model from the Hugging Face hub: one of the list, or any GGUF file
    #[command(after_help = FETCHING)]
    Fetch(Fetch),
    /// Compute the files' hashes again and compare
    Verify {
        /// Only these models; all that are here by default
        names: Vec<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List the models of the running host, and how they are
    Serving {
        #[command(flatten)]
        settings: Settings,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Load a model of the settings into the running host
    Load(Named),
    /// Take a model of the running host out of service, once its answers have ended
    Unload(Named),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// Its name in the settings
    name: String,
    #[command(flatten)]
    settings: Settings,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Fetch {
    /// A name from `corral models list`, or OWNER/REPO
    #[arg(value_name = "NAME | OWNER/REPO")]
    model: String,
    /// The file in that repository
    file: Option<String>,
    /// The repository's branch, tag or commit
    #[arg(long, default_value = "main", requires = "file")]
    revision: String,
    /// Replace a file that is there already
    #[arg(long)]
    force: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    match &args.command {
        Command::List { json } => list(folder, *json).map(|()| ExitCode::SUCCESS),
        Command::Verify { names, json } => verify::run(folder, names, *json),
        Command::Fetch(wanted) => wait(bring::run(folder, wanted)),
        Command::Serving { settings, json } => wait(serving::list(settings, *json)),
        Command::Load(Named { name, settings, json }) => wait(serving::change(settings, name, "load", *json)),
        Command::Unload(Named { name, settings, json }) => {
            wait(serving::change(settings, name, "unload", *json))
        }
    }
}

fn wait(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Box::pin(work)).map(|()| ExitCode::SUCCESS)
}

/// A model, and how much of it is here.
#[derive(Serialize)]
struct Listed {
    name: String,
    about: String,
    licence: Option<String>,
    repository: Option<String>,
    bytes: u64,
    /// `here`, `partly` or `not here`.
    state: &'static str,
    path: PathBuf,
}

fn list(folder: &Path, json: bool) -> anyhow::Result<()> {
    let models = catalogue::models()?;
    let mut rows: Vec<_> = models.iter().map(|model| listed(folder, model)).collect();
    let known =
        |path: &Path| models.iter().flat_map(|model| &model.files).any(|file| path == Path::new(&file.local));
    for path in folder::files(folder)?.into_iter().filter(|path| !known(path)) {
        let place = folder.join(&path);
        let bytes = place.metadata().with_context(|| format!("reading {}", place.display()))?.len();
        let name = path.display().to_string();
        rows.push(Listed {
            name,
            about: "a file of yours".into(),
            licence: None,
            repository: None,
            bytes,
            state: "here",
            path: place,
        });
    }
    if json {
        return say_json(&rows);
    }
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in rows {
        let Listed { name, state, bytes, about, .. } = row;
        let size = ByteSize(bytes).to_string();
        say(&format!("{name:width$}  {state:8}  {size:>10}  {about}"))?;
    }
    Ok(())
}

fn listed(folder: &Path, model: &Model) -> Listed {
    let here = model.files.iter().filter(|file| folder.join(&file.local).is_file()).count();
    let state = match here {
        0 => "not here",
        all if all == model.files.len() => "here",
        _ => "partly",
    };
    Listed {
        name: model.name.clone(),
        about: model.about.clone(),
        licence: Some(model.licence.clone()),
        repository: Some(model.repository.clone()),
        bytes: model.size(),
        state,
        path: folder.join(&model.path),
    }
}

fn unknown(name: &str, models: &[Model]) -> String {
    let names: Vec<_> = models.iter().map(|model| model.name.as_str()).collect();
    if name.contains('/') {
        return format!("which file of {name}? corral models fetch {name} FILE");
    }
    format!("no model is called {name:?}; known are {}. Any other: OWNER/REPO FILE", names.join(", "))
}
