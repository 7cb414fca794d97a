//! `corral chat`: a conversation in the terminal with a running host.
//!
//! Works without a terminal too: one message a line in, one answer after the other out.

mod client;
mod input;
mod screen;
#[cfg(test)]
mod tests;

use anyhow::{Context, bail};
use client::{Client, Event, Source};
use input::{Input, Line};
use screen::Screen;
use std::{path::Path, process::ExitCode};

const COMMANDS: &str = "\
/documents add PATH   give the session a text file to answer from
/documents            list the session's documents
/sources              passages that the last answer was given
/session              this session's id, for --session
/quit                 leave (so does Ctrl-D); the session stays until it expires
Ctrl-C stops the answer under way.";

/// What `corral chat` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("In the conversation:\n{COMMANDS}"))]
pub(super) struct Args {
    /// The host's address
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Go on with this session instead of a new one
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // Not a single-threaded runtime: this thread waits for people, while connections must go on closing.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(Box::pin(async {
        let mut input = Input::open()?;
        let screen = Screen::new(input.is_terminal());
        let client = Client::new(&args.url)?;
        let mut conversation = Conversation::start(client, screen, args.session.clone()).await?;
        let all_answered = conversation.hold(&mut input).await?;
        input.close()?;
        Ok(if all_answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }))
}

/// One session with the host, and what is shown of it.
struct Conversation {
    client: Client,
    screen: Screen,
    session: String,
    sources: Vec<Source>,
}

impl Conversation {
    async fn start(client: Client, screen: Screen, session: Option<String>) -> anyhow::Result<Self> {
        let (session, greeting) = match session {
            Some(id) => {
                let turns = client.turns(&id).await?;
                let greeting = format!("Session {id}, {turns} turns so far. /help shows the commands.");
                (id, greeting)
            }
            None => {
                let id = client.create_session().await?;
                let greeting = format!("New session {id}. /help shows the commands.");
                (id, greeting)
            }
        };
        screen.note(&greeting)?;
        Ok(Self { client, screen, session, sources: Vec::new() })
    }

    /// Until the input ends. False if something could not be answered.
    async fn hold(&mut self, input: &mut Input) -> anyhow::Result<bool> {
        let mut all_answered = true;
        loop {
            let text = match input.read()? {
                Line::Text(text) => text,
                Line::Interrupted => {
                    self.screen.note("Ctrl-D or /quit leaves.")?;
                    continue;
                }
                Line::End => return Ok(all_answered),
            };
            let text = text.trim();
            if matches!(text, "/quit" | "/exit") {
                return Ok(all_answered);
            }
            // Without a terminal Ctrl-C ends the program, as it does for any filter.
            let terminal = self.screen.is_terminal();
            let outcome = tokio::select! {
                outcome = self.respond(text) => outcome,
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
                super::complain(&format!("{error:#}"));
                all_answered = false;
            }
        }
    }

    async fn respond(&mut self, text: &str) -> anyhow::Result<()> {
        match text {
            "" => Ok(()),
            command if command.starts_with('/') => self.obey(command).await,
            message => self.ask(message).await,
        }
    }

    async fn obey(&mut self, command: &str) -> anyhow::Result<()> {
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match (name, rest.trim()) {
            ("/help", _) => self.screen.line(COMMANDS)?,
            ("/session", _) => self.screen.line(&self.session)?,
            ("/sources", _) => self.show_sources()?,
            ("/documents", "") => self.show_documents().await?,
            ("/documents", rest) => match rest.split_once(char::is_whitespace) {
                Some(("add", path)) => self.add_document(Path::new(path.trim())).await?,
                _ => bail!("/documents lists documents, /documents add PATH adds one"),
            },
            _ => bail!("{name} is no command; /help shows them"),
        }
        Ok(())
    }

    async fn ask(&mut self, message: &str) -> anyhow::Result<()> {
        let mut answer = self.client.ask(&self.session, message).await?;
        self.sources.clear();
        loop {
            match answer.next().await? {
                Event::Sources(sources) => self.sources = sources,
                Event::Delta(text) => self.screen.text(&text)?,
                Event::Trimmed(trimmed) => self.screen.note(&format!("({trimmed})"))?,
                Event::Done { persisted } => {
                    self.screen.line("")?;
                    if !persisted {
                        self.screen.note("(the host could not store this turn)")?;
                    }
                    return Ok(());
                }
                Event::Failed(detail) => {
                    self.screen.line("")?;
                    bail!("the answer broke off: {detail}");
                }
            }
        }
    }

    async fn add_document(&self, path: &Path) -> anyhow::Result<()> {
        let reading = || format!("reading {} as text", path.display());
        let text = tokio::fs::read_to_string(path).await.with_context(reading)?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        for document in self.client.add_document(&self.session, &name, &text).await? {
            self.screen.line(&document.to_string())?;
        }
        Ok(())
    }

    async fn show_documents(&self) -> anyhow::Result<()> {
        let documents = self.client.documents(&self.session).await?;
        if documents.is_empty() {
            self.screen.note("No documents. /documents add PATH adds one.")?;
        }
        documents.iter().try_for_each(|document| Ok(self.screen.line(&document.to_string())?))
    }

    fn show_sources(&self) -> anyhow::Result<()> {
        if self.sources.is_empty() {
            self.screen.note("The last answer was given no passages.")?;
        }
        self.sources.iter().try_for_each(|source| Ok(self.screen.line(&source.to_string())?))
    }
}
