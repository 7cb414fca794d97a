//! `corral migrate`: moves what one store holds to another, and shows that it arrived.
//!
//! The source is only read: what is not there is not made. Every page is copied and read back; at the end all of it is compared.
//!
//! Not here: how a store is read and written (the back ends).

mod bar;
mod pair;
mod place;
mod report;
mod sessions;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod vectors;

use super::complain;
use crate::config::{Config, DEFAULT_FILE};
use anyhow::bail;
use bar::Bar;
use pair::Pair;
use place::Place;
use report::Report;
use state::{Progress, State};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use store::{Source, Store, patiently};

const PLACES: &str = "\
A PLACE is one of:
  FILE.toml          what these settings say, passwords and tokens included; FILE.toml#LABEL is [stores.LABEL]
  embedded:FILE      a store's file
  redis://HOST:PORT  sessions in Redis (rediss:// with TLS)
  http://HOST:PORT   passages in ChromaDB (https:// with TLS)

An interrupted move goes on when the same command is given again. Passwords are neither shown nor kept.";

/// What `corral migrate` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Move conversations
    #[command(after_help = PLACES)]
    Sessions(Move),
    /// Move documents' passages with their vectors
    #[command(after_help = PLACES)]
    Vectors {
        #[command(flatten)]
        wanted: Move,
        /// ChromaDB's collection, where no settings file names it
        #[arg(long, value_name = "NAME")]
        collection: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Move {
    /// Where they are
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// Where they should be
    #[arg(long, value_name = "PLACE")]
    to: String,
    /// The settings for all that a PLACE does not say; runtime.toml if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to keep how far it is; .corral/migrate-*.json by default
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Records to copy at a time
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    page: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (wanted, report) = match &args.command {
        Command::Sessions(wanted) => (wanted, runtime.block_on(Box::pin(move_sessions(wanted)))?),
        Command::Vectors { wanted, collection } => {
            (wanted, runtime.block_on(Box::pin(move_vectors(wanted, collection.as_deref())))?)
        }
    };
    report.print(wanted.json)?;
    Ok(if report.all_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn move_sessions(wanted: &Move) -> anyhow::Result<Report> {
    let settings = wanted.settings()?;
    let from = place::sessions(&wanted.from, &settings)?;
    let to = place::sessions(&wanted.to, &settings)?;
    let state = wanted.begin("sessions", &from, &to)?;
    let (source, destination) = (sessions::open(&from).await?, sessions::open(&to).await?);
    wanted.carry_out("sessions", [&from.name, &to.name], state, (&source, &destination)).await
}

async fn move_vectors(wanted: &Move, collection: Option<&str>) -> anyhow::Result<Report> {
    let settings = wanted.settings()?;
    let from = place::vectors(&wanted.from, &settings, collection)?;
    let to = place::vectors(&wanted.to, &settings, collection)?;
    let state = wanted.begin("vectors", &from, &to)?;
    let source = vectors::open_source(&from, &vectors::model(&settings.embedding)).await?;
    let destination = vectors::open(&to, source.model()).await?;
    wanted.carry_out("vectors", [&from.name, &to.name], state, (&source, &destination)).await
}

impl Move {
    fn settings(&self) -> anyhow::Result<Config> {
        match &self.config {
            Some(file) => Ok(Config::load(file)?),
            None if Path::new(DEFAULT_FILE).exists() => Ok(Config::load(Path::new(DEFAULT_FILE))?),
            None => Ok(Config::default()),
        }
    }

    /// What is to be done, or what is left of it. Nothing is opened for a move that makes no sense.
    fn begin<C>(&self, what: &str, from: &Place<C>, to: &Place<C>) -> anyhow::Result<State> {
        if from.name == to.name {
            bail!("--from and --to are the same place: {}", from.name);
        }
        place::require_source(from)?;
        let file = self.state.clone().unwrap_or_else(|| format!(".corral/migrate-{what}.json").into());
        let state = State::open(file, Progress::new(what, &from.name, &to.name))?;
        if state.is_resumed() {
            complain(&format!("going on after {} {what} of an earlier run", state.progress.copied));
        }
        Ok(state)
    }

    async fn carry_out<S, T>(
        &self,
        what: &'static str,
        places: [&str; 2],
        mut state: State,
        (from, to): (&S, &T),
    ) -> anyhow::Result<Report>
    where
        S: Source,
        T: Store<Record = S::Record>,
    {
        let bar = Bar::new(what, patiently(async || from.total().await).await?);
        let pair = Pair { from, to, page: self.page, bar: &bar };
        pair.copy(&mut state).await?;
        bar.compare(state.progress.copied);
        let comparison = pair.compare().await?;
        bar.finish();
        let report = Report::new(what, places, &state.progress, comparison);
        // What failed is tried again by the next run, which then has only to compare.
        if report.all_well() {
            state.remove()?;
        }
        Ok(report)
    }
}
