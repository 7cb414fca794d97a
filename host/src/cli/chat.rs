//! `corral chat`: a conversation in the terminal with a running host.
//!
//! Works without a terminal too: one message a line in, one answer after the other out, as text or as JSON.

mod client;
mod command;
mod helper;
mod input;
mod kept;
mod passage;
mod screen;
#[cfg(test)]
mod tests;

use super::ingest;
use anyhow::{Context, anyhow, bail, ensure};
use client::{Client, Event, Source};
use command::Command;
use input::{Input, Line};
use kept::Sessions;
use passage::{Listed, Opened};
use screen::Screen;
use serde_json::json;
use std::{path::Path, process::ExitCode};

/// What `corral chat` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("In the conversation:\n{}", command::help()))]
pub(super) struct Args {
    /// The host's address
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Go on with this session instead of a new one
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// What comes of it as JSON, one line for each event
    #[arg(long)]
    json: bool,
}

/// An answer that began and did not end.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off: {0}")]
struct BrokenOff(String);

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // Not a single-threaded runtime: this thread waits for people, while connections must go on closing.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let all_answered = runtime.block_on(Box::pin(async {
        let mut input = Input::open()?;
        let screen = Screen::new(input.is_terminal(), args.json);
        let mut conversation = Conversation::start(args, screen).await?;
        let all_answered = conversation.hold(&mut input).await?;
        conversation.note_not_kept(input.close())?;
        anyhow::Ok(all_answered)
    }));
    // A document that is still being read is not waited for.
    runtime.shutdown_background();
    Ok(if all_answered? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One session with the host, and what is shown of it.
struct Conversation {
    client: Client,
    screen: Screen,
    kept: Sessions,
    url: String,
    session: String,
    sources: Vec<Source>,
}

impl Conversation {
    async fn start(args: &Args, screen: Screen) -> anyhow::Result<Self> {
        let Args { url, .. } = args;
        let client = Client::new(url)?;
        let kept = Sessions::of(url, screen.is_terminal());
        let (session, sources, url) = (String::new(), Vec::new(), url.clone());
        let mut conversation = Self { client, screen, kept, url, session, sources };
        match &args.session {
            Some(id) => conversation.go_on(id).await?,
            None => conversation.begin().await?,
        }
        Ok(conversation)
    }

    /// Until the input ends. False if something could not be answered that nobody saw.
    async fn hold(&mut self, input: &mut Input) -> anyhow::Result<bool> {
        let mut all_answered = true;
        loop {
            let command = match input.read()? {
                Line::Text(text) => Command::read(&text),
                Line::Interrupted => {
                    self.screen.note("Ctrl-D or /quit leaves.")?;
                    continue;
                }
                Line::End => return Ok(all_answered),
            };
            if matches!(command, Ok(Command::Quit)) {
                return Ok(all_answered);
            }
            // Without a terminal Ctrl-C ends the program, as it does for any filter.
            let terminal = self.screen.is_terminal();
            let outcome = tokio::select! {
                outcome = async { self.obey(command?).await } => outcome,
                // What was under way is dropped: its connection closes, which stops the host's work on it.
                stopped = tokio::signal::ctrl_c(), if terminal => {
                    stopped.context("waiting for Ctrl-C")?;
                    self.screen.note("\n(stopped)")?;
                    Ok(())
                }
            };
            if let Err(error) = outcome {
                if super::nobody_reads(&error) {
                    return Err(error);
                }
                self.screen.complain(&error)?;
                all_answered = terminal;
            }
        }
    }

    async fn obey(&mut self, command: Command) -> anyhow::Result<()> {
        match command {
            Command::Nothing | Command::Quit => Ok(()),
            Command::Message(message) => self.ask(&message, None).await,
            Command::Again => self.ask_again().await,
            Command::Documents => self.show_documents().await,
            Command::AddDocument(path) => self.add_document(&path).await,
            Command::Sources => self.show_sources(),
            Command::OpenSource(number) => self.open_source(number).await,
            Command::New => self.begin().await,
            Command::Session => self.screen.answer("session_id", json!(self.session), &self.session),
            Command::Sessions => self.show_sessions(),
            Command::GoOn(which) => self.go_on(&which).await,
            Command::Help => self.screen.answer("help", json!(command::help()), command::help()),
        }
    }

    async fn begin(&mut self) -> anyhow::Result<()> {
        let id = self.client.create_session().await?;
        self.screen.note(&format!("New session {id}. /help shows the commands."))?;
        self.enter(id, 0)
    }

    /// With a session by its number in the list, or by its id.
    async fn go_on(&mut self, which: &str) -> anyhow::Result<()> {
        let id = match which.parse::<usize>() {
            Ok(number) => {
                let kept = self.kept.list()?.into_iter().nth(number.wrapping_sub(1));
                kept.with_context(|| format!("there is no session {number}; /sessions lists them"))?.id
            }
            Err(_) => which.to_owned(),
        };
        let Some(turns) = self.client.turns(&id).await? else {
            let forgotten = self.kept.gone(&id);
            self.note_not_kept(forgotten)?;
            bail!("session {id} is not there (any more)");
        };
        self.screen
            .note(&format!("Session {id}, {} turns so far. /help shows the commands.", turns.len()))?;
        if let Some(last) = turns.last() {
            self.screen.note(&format!("> {}\n{}", last.user, last.ai))?;
        }
        self.enter(id, turns.len())
    }

    fn enter(&mut self, id: String, turns: usize) -> anyhow::Result<()> {
        self.sources.clear();
        self.session = id;
        self.screen.only_json(&json!({ "event": "session", "session_id": self.session, "turns": turns }))
    }

    /// The last message once more. The service knows which one that is, and how many there are.
    async fn ask_again(&mut self) -> anyhow::Result<()> {
        let turns = self.client.turns(&self.session).await?.context("the session has expired")?;
        let last = turns.last().context("nothing has been answered yet")?;
        self.ask(&last.user, Some(turns.len())).await
    }

    /// A conversation works as well where nothing can be kept, which is said once.
    fn note_not_kept(&mut self, kept: anyhow::Result<()>) -> anyhow::Result<()> {
        let Err(cause) = kept else { return Ok(()) };
        self.kept.give_up();
        Ok(self.screen.note(&format!("Not remembered for the next time: {cause:#}"))?)
    }

    async fn ask(&mut self, message: &str, replaces: Option<usize>) -> anyhow::Result<()> {
        let kept = self.kept.used(&self.session, message);
        self.note_not_kept(kept)?;
        self.sources.clear();
        let mut waiting = self.screen.waiting();
        let mut answer = self.client.ask(&self.session, message, replaces).await?;
        loop {
            let event = answer.next().await?;
            if !matches!(event, Event::Sources { .. }) {
                waiting = None;
            }
            self.screen.event(&event)?;
            match event {
                Event::Sources { sources } => self.sources = sources,
                Event::Delta { .. } | Event::Trimmed(_) => {}
                Event::Done { .. } => {
                    drop(waiting);
                    return Ok(());
                }
                Event::Failed { detail } => return Err(BrokenOff(detail).into()),
            }
        }
    }

    async fn add_document(&self, path: &Path) -> anyhow::Result<()> {
        let report = ingest::add(&self.url, &self.session, path).await?;
        self.screen.answer("added", serde_json::to_value(&report)?, report.summary())?;
        ensure!(report.all_well(), "not everything at {} could be added", path.display());
        Ok(())
    }

    async fn show_documents(&self) -> anyhow::Result<()> {
        let documents = self.client.documents(&self.session).await?;
        if documents.is_empty() {
            self.screen.note("No documents. /documents add PATH adds one.")?;
        }
        self.screen.list("documents", &documents)
    }

    fn show_sources(&self) -> anyhow::Result<()> {
        if self.sources.is_empty() {
            self.screen.note("The last answer was given no passages.")?;
        }
        let value = serde_json::to_value(&self.sources)?;
        self.screen.answer("sources", value, Listed(&self.sources))
    }

    async fn open_source(&self, number: usize) -> anyhow::Result<()> {
        let source = number.checked_sub(1).and_then(|place| self.sources.get(place));
        let source = source.ok_or_else(|| anyhow!("there is no source {number}; /sources lists them"))?;
        // Passages that other programs stored belong to no document.
        let chunks = match &source.document_id {
            Some(document) => self.client.chunks(&self.session, document).await?,
            None => Vec::new(),
        };
        let value = json!({ "source": source, "chunks": chunks });
        self.screen.answer("opened", value, Opened { source, chunks: &chunks })
    }

    fn show_sessions(&self) -> anyhow::Result<()> {
        let kept = self.kept.list()?;
        if kept.is_empty() {
            self.screen.note("No session has been held from this terminal with this host.")?;
        }
        let lines = (1..).zip(&kept).map(|(number, kept)| format!("{number:>3}  {kept}"));
        self.screen.answer("sessions", serde_json::to_value(&kept)?, lines.collect::<Vec<_>>().join("\n"))
    }
}
