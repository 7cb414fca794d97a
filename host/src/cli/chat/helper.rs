//! What the line editor knows of this conversation: commands and paths to complete, and messages of several lines.

use super::command::{COMMANDS, Known};
use rustyline::{
    Context, Helper, Result,
    completion::{Completer, FilenameCompleter, Pair},
    highlight::Highlighter,
    hint::Hinter,
    validate::{ValidationContext, ValidationResult, Validator},
};

/// What follows this is a path.
const PATHS: &str = "/documents add ";

/// For rustyline.
#[derive(Default)]
pub(super) struct Assistant {
    files: FilenameCompleter,
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        let typed = line.get(..position).unwrap_or(line);
        if typed.starts_with(PATHS) {
            return self.files.complete_path(line, position);
        }
        let commands = COMMANDS.iter().filter_map(Known::completed);
        let fitting = commands.filter(|command| typed.starts_with('/') && command.starts_with(typed));
        let pair = |command: &str| Pair { display: command.to_owned(), replacement: command.to_owned() };
        Ok((0, fitting.map(pair).collect()))
    }
}

impl Validator for Assistant {
    /// A backslash at the end: the message goes on.
    fn validate(&self, context: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        let goes_on = context.input().ends_with('\\');
        Ok(if goes_on { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

impl Highlighter for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Helper for Assistant {}

#[cfg(test)]
mod tests {
    use super::*;
    use rustyline::history::MemHistory;

    #[test]
    fn commands_and_paths_are_completed_and_messages_are_not() {
        let history = MemHistory::new();
        let completed = |line: &str| {
            let found = Assistant::default().complete(line, line.len(), &Context::new(&history)).unwrap();
            found.1.into_iter().map(|pair| pair.replacement).collect::<Vec<_>>()
        };
        assert_eq!(completed("/so"), ["/sources"]);
        assert_eq!(completed("/documents"), ["/documents", "/documents add "]);
        assert_eq!(completed("hello"), [""; 0]);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a b.txt"), "").unwrap();
        let path = completed(&format!("/documents add {}/a", folder.path().display()));
        assert!(matches!(&path[..], [path] if path.ends_with("a\\ b.txt")), "{path:?}");
    }
}
