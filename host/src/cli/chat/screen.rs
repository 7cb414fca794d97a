//! What is shown of a conversation.

use std::io::{self, IsTerminal, Write};

/// Standard output, and whether a person sits at the other end of the conversation.
pub(super) struct Screen {
    terminal: bool,
    styled: bool,
}

impl Screen {
    pub(super) fn new(terminal: bool) -> Self {
        Self { terminal, styled: terminal && io::stderr().is_terminal() }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// A piece of an answer, at once.
    pub(super) fn text(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout();
        out.write_all(harmless(text).as_bytes())?;
        out.flush()
    }

    /// A whole line.
    pub(super) fn line(&self, text: &str) -> io::Result<()> {
        writeln!(io::stdout(), "{}", harmless(text))
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
