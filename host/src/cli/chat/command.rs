//! What a person can ask of the conversation beside messages: lines that begin with a slash.

use anyhow::bail;
use std::{fmt::Write as _, path::PathBuf};

/// Lines that end the conversation.
const QUIT: [&str; 2] = ["/quit", "/exit"];

/// A command as it is told.
pub(super) struct Known {
    usage: &'static str,
    about: &'static str,
}

impl Known {
    const fn new(usage: &'static str, about: &'static str) -> Self {
        Self { usage, about }
    }

    /// What the Tab key makes of its beginning; none where that is another's.
    pub(super) fn completed(&self) -> Option<&'static str> {
        match self.usage.rsplit_once(' ') {
            Some((_, "NUMBER")) => None,
            _ => Some(self.usage.trim_end_matches("PATH")),
        }
    }
}

pub(super) const COMMANDS: [Known; 11] = [
    Known::new("/again", "another answer to the last message, in place of the one before"),
    Known::new("/documents", "list the session's documents"),
    Known::new("/documents add PATH", "give the session a file, or all of a folder, to answer from"),
    Known::new("/sources", "list the passages that the last answer was given"),
    Known::new("/sources NUMBER", "open one: the passage in its document"),
    Known::new("/new", "begin a new session"),
    Known::new("/session", "this session's id, for --session"),
    Known::new("/sessions", "list the sessions held from this terminal"),
    Known::new("/sessions NUMBER", "go on with one of them; its id does as well"),
    Known::new("/help", "this list"),
    Known::new("/quit", "leave (so does Ctrl-D); the session stays until it expires"),
];

/// What a line means.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Nothing,
    Message(String),
    Again,
    Documents,
    AddDocument(PathBuf),
    Sources,
    OpenSource(usize),
    New,
    Session,
    Sessions,
    GoOn(String),
    Help,
    Quit,
}

impl Command {
    pub(super) fn read(line: &str) -> anyhow::Result<Self> {
        let line = line.trim();
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        Ok(match (name, rest.trim()) {
            ("", _) => Self::Nothing,
            (quit, "") if QUIT.contains(&quit) => Self::Quit,
            ("/help", "") => Self::Help,
            ("/again", "") => Self::Again,
            ("/new", "") => Self::New,
            ("/session", "") => Self::Session,
            ("/sessions", "") => Self::Sessions,
            ("/sessions" | "/session", which) => Self::GoOn(which.to_owned()),
            ("/sources", "") => Self::Sources,
            ("/sources", number) => match number.parse() {
                Ok(number) => Self::OpenSource(number),
                Err(_) => bail!("/sources NUMBER opens one of the passages that /sources lists"),
            },
            ("/documents", "") => Self::Documents,
            ("/documents", rest) => match rest.split_once(char::is_whitespace) {
                Some(("add", path)) => Self::AddDocument(path_of(path.trim())),
                _ => bail!("/documents lists documents, /documents add PATH adds one"),
            },
            (command, _) if command.starts_with('/') => bail!("{line} is no command; /help shows them"),
            // A backslash is how the terminal is told that a message goes on.
            _ => Self::Message(line.replace("\\\n", "\n")),
        })
    }
}

/// For `/help`, and for `corral chat --help`.
pub(super) fn help() -> String {
    let mut text = String::new();
    let width = COMMANDS.iter().map(|known| known.usage.len()).max().unwrap_or(0);
    for Known { usage, about, .. } in COMMANDS {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{usage:width$}  {about}");
    }
    text + "Ctrl-C stops the answer under way. A \\ at a line's end goes on with the message in the next. Tab \
            completes, the arrows recall what was typed, Ctrl-R searches it."
}

/// As the Tab key writes it: what is special is behind a backslash, or all of it in quotes.
fn path_of(text: &str) -> PathBuf {
    let quoted = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    match quoted {
        Some(path) => path.into(),
        None => rustyline::completion::unescape(text, Some('\\')).into_owned().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_or_a_message() {
        let rows = [
            ("  ", Command::Nothing),
            ("hello\\\nthere", Command::Message("hello\nthere".into())),
            ("a / b", Command::Message("a / b".into())),
            ("/again", Command::Again),
            ("/documents", Command::Documents),
            ("/documents add  my\\ notes.md ", Command::AddDocument("my notes.md".into())),
            ("/documents add 'my notes.md'", Command::AddDocument("my notes.md".into())),
            ("/sources 2", Command::OpenSource(2)),
            ("/sessions 3", Command::GoOn("3".into())),
            ("/exit", Command::Quit),
        ];
        for (line, command) in rows {
            assert_eq!(Command::read(line).unwrap(), command, "{line}");
        }
        for line in ["/nonsense", "/documents remove x", "/sources two", "/new york"] {
            assert!(Command::read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn every_command_that_is_told_is_understood() {
        for Known { usage, .. } in COMMANDS {
            let line = usage.replace("NUMBER", "1");
            assert!(!matches!(Command::read(&line), Err(_) | Ok(Command::Message(_))), "{usage}");
            assert!(help().contains(usage));
        }
    }
}
