//! What is shown of a conversation: to a person, as plain text, or as a line of JSON for each thing.

use super::client::Event;
use crate::cli::{say_json_line, spinner::Spinner};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

/// Standard output, and who reads it.
pub(super) struct Screen {
    terminal: bool,
    json: bool,
    styled: bool,
}

impl Screen {
    pub(super) fn new(terminal: bool, json: bool) -> Self {
        let styled = terminal && io::stderr().is_terminal() && crate::config::colors();
        Self { terminal, json, styled }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Turns where a person waits for an answer that has not begun.
    pub(super) fn waiting(&self) -> Option<Spinner> {
        (self.terminal && !self.json).then(|| Spinner::new("reading"))
    }

    /// What comes of an answer, as it comes.
    pub(super) fn event(&self, event: &Event) -> anyhow::Result<()> {
        if self.json {
            return say_json_line(event);
        }
        match event {
            Event::Delta { text } => {
                let mut out = io::stdout();
                out.write_all(harmless(text).as_bytes())?;
                out.flush()?;
            }
            Event::Trimmed(trimmed) => self.note(&format!("({trimmed})"))?,
            Event::Done { persisted, .. } => {
                writeln!(io::stdout())?;
                if !persisted {
                    self.note("(this turn could not be stored yet)")?;
                }
            }
            Event::Failed { .. } => writeln!(io::stdout())?,
            Event::Sources { .. } => {}
        }
        Ok(())
    }

    /// What a command gives: as text, and as JSON under its name.
    pub(super) fn answer(&self, name: &str, value: Value, text: impl Display) -> anyhow::Result<()> {
        if self.json {
            return say_json_line(&json!({ "event": name, name: value }));
        }
        let text = harmless(&text.to_string());
        // An empty list is nothing to read.
        if !text.is_empty() {
            writeln!(io::stdout(), "{text}")?;
        }
        Ok(())
    }

    /// The same of a list, with a line of text for each.
    pub(super) fn list(&self, name: &str, values: &[impl Serialize + Display]) -> anyhow::Result<()> {
        let lines: Vec<_> = values.iter().map(ToString::to_string).collect();
        self.answer(name, serde_json::to_value(values)?, lines.join("\n"))
    }

    /// What programs want to know and people are told otherwise.
    pub(super) fn only_json(&self, value: &Value) -> anyhow::Result<()> {
        if self.json { say_json_line(value) } else { Ok(()) }
    }

    /// Something beside the conversation: only people want to read it, so it is no part of the output.
    pub(super) fn note(&self, text: &str) -> io::Result<()> {
        let text = harmless(text);
        match (self.terminal, self.styled) {
            (false, _) => Ok(()),
            (true, true) => writeln!(io::stderr(), "\u{1b}[2m{text}\u{1b}[0m"),
            (true, false) => writeln!(io::stderr(), "{text}"),
        }
    }

    /// Something went wrong.
    pub(super) fn complain(&self, error: &anyhow::Error) -> anyhow::Result<()> {
        let detail = format!("{error:#}");
        // An answer that failed has said so as an event of its own.
        if self.json && !error.is::<super::BrokenOff>() {
            say_json_line(&json!({ "event": "error", "detail": detail }))?;
        }
        crate::cli::complain(&harmless(&detail));
        Ok(())
    }
}

/// Models and documents must not steer the terminal: control characters are left out.
fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_answer_cannot_steer_the_terminal() {
        assert_eq!(super::harmless("a\u{1b}]0;title\u{7}b\tc\n\u{9b}2J"), "a]0;titleb\tc\n2J");
    }
}
