//! What a person types: with editing and history in a terminal, plain lines from anywhere else.

use super::helper::Assistant;
use crate::config::history_file;
use anyhow::Context;
use rustyline::{CompletionType, Config, Editor, error::ReadlineError, history::DefaultHistory};
use std::io::{self, BufRead, IsTerminal};

/// Where messages come from.
pub(super) enum Input {
    /// A person at a terminal.
    Terminal(Box<Editor<Assistant, DefaultHistory>>),
    /// A file or a pipe.
    Lines(io::StdinLock<'static>),
}

/// One reading.
pub(super) enum Line {
    /// A line without its end.
    Text(String),
    /// Ctrl-C at the prompt.
    Interrupted,
    /// Nothing more will come.
    End,
}

impl Input {
    pub(super) fn open() -> anyhow::Result<Self> {
        if !io::stdin().is_terminal() {
            return Ok(Self::Lines(io::stdin().lock()));
        }
        let config = Config::builder()
            .auto_add_history(true)
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .build();
        let mut editor = Editor::with_config(config).context("opening the terminal")?;
        editor.set_helper(Some(Assistant::default()));
        // Without a history the conversation works as well.
        if let Some(file) = history_file() {
            drop(editor.load_history(&file));
        }
        Ok(Self::Terminal(Box::new(editor)))
    }

    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal(_))
    }

    /// Blocks until there is a line.
    pub(super) fn read(&mut self) -> anyhow::Result<Line> {
        match self {
            Self::Terminal(editor) => match editor.readline("> ") {
                Ok(text) => Ok(Line::Text(text)),
                Err(ReadlineError::Interrupted) => Ok(Line::Interrupted),
                Err(ReadlineError::Eof) => Ok(Line::End),
                Err(error) => Err(error).context("reading from the terminal"),
            },
            Self::Lines(stdin) => {
                let mut text = String::new();
                let bytes = stdin.read_line(&mut text).context("reading standard input")?;
                Ok(if bytes == 0 { Line::End } else { Line::Text(text) })
            }
        }
    }

    /// Keeps what was typed for the next time.
    pub(super) fn close(self) -> anyhow::Result<()> {
        let (Self::Terminal(mut editor), Some(file)) = (self, history_file()) else { return Ok(()) };
        let keeping = || format!("keeping the history in {}", file.display());
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(keeping)?;
        }
        editor.save_history(&file).with_context(keeping)
    }
}
