//! `corral ingest`: gives a session the files of a folder to answer from.
//!
//! What is there already is not sent again, so an interrupted run goes on where it stopped, and a
//! changed file takes its former content's place.
//!
//! Not here: passages and their vectors (the application makes them).

mod client;
mod find;
mod names;
mod parts;
mod progress;
mod report;
mod send;
mod stored;
#[cfg(test)]
mod tests;
mod text;

use super::say;
use anyhow::{anyhow, bail};
use client::{Client, Patience};
use find::Found;
use progress::Progress;
use report::Outcome;
pub(super) use report::Report;
use send::Target;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use stored::Stored;

const ABOUT: &str = "\
Read are .txt, .md, .html and .pdf, and any other text that is named itself. Hidden files and links within \
folders are left out.

A document's id is the file's path with ':' for '/'. A long file becomes several: 'PATH (0001)', 'PATH (0002)'. \
The same path again takes the former content's place; files that did not change are not sent again.";

/// What `corral ingest` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(super) struct Args {
    /// Files, and folders with all that is in them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The session that they are for
    #[arg(long, value_name = "ID", required_unless_present_any = ["new_session", "dry_run"])]
    session: Option<String>,
    /// Make a session for them, and say its id
    #[arg(long, conflicts_with = "session")]
    new_session: bool,
    /// The host's address
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// What to call the document, if it is one file
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    text::quiet_panics();
    let found = found(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(Box::pin(ingest(args, found, Patience::default())));
    // Whatever still reads a document is not waited for.
    runtime.shutdown_background();
    let report = report?;
    report.print(args.json)?;
    Ok(if report.all_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The files that the command line means.
fn found(args: &Args) -> anyhow::Result<Found> {
    let mut found = find::find(&args.paths);
    if let Some(id) = &args.id {
        let name = names::chosen(id)?;
        match found.files.as_mut_slice() {
            [file] => file.name = name,
            files => bail!("--id names one document, but these are {} files", files.len()),
        }
    }
    if found.files.is_empty() && found.failed.is_empty() {
        bail!("there is nothing to ingest: no .txt, .md, .html or .pdf at the given paths");
    }
    Ok(found)
}

/// Gives a session a file, or all of a folder.
pub(super) async fn add(url: &str, session: &str, path: &Path) -> anyhow::Result<Report> {
    text::quiet_panics();
    let args = Args {
        paths: vec![path.to_owned()],
        session: Some(session.to_owned()),
        new_session: false,
        url: url.to_owned(),
        id: None,
        dry_run: false,
        json: false,
    };
    let found = found(&args)?;
    Box::pin(ingest(&args, found, Patience::default())).await
}

async fn ingest(args: &Args, found: Found, patience: Patience) -> anyhow::Result<Report> {
    let client = Client::new(&args.url, patience)?;
    let session = session(args, &client).await?;
    let stored = match &session {
        Some(session) => {
            let listed = client.documents(session).await;
            Stored::new(listed.map_err(|error| anyhow!("session {session}: {error}"))?)
        }
        None => Stored::default(),
    };
    let bytes = found.files.iter().map(|file| file.bytes).sum();
    let progress = Progress::new(found.files.len() + found.failed.len(), bytes);
    let mut outcomes = Vec::new();
    for (path, reason) in &found.failed {
        let outcome = Outcome::failed(path, None, reason.clone());
        progress.file_done(&outcome);
        outcomes.push(outcome);
    }
    let wanted = session.as_deref().filter(|_| !args.dry_run);
    outcomes.extend(Target::new(&client, wanted, stored, &progress).ingest(&found.files).await);
    progress.finish();
    Ok(Report::new(session, args.dry_run, found, outcomes))
}

/// The session to fill; none if nothing is to be sent and nobody named one.
async fn session(args: &Args, client: &Client) -> anyhow::Result<Option<String>> {
    if args.session.is_some() || args.dry_run {
        return Ok(args.session.clone());
    }
    let session = client.create_session().await?;
    // At once: should the rest be interrupted, this is what to go on with.
    if !args.json {
        say(&format!("session {session}"))?;
    }
    Ok(Some(session))
}
