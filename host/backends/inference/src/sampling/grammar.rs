//! Whether llama.cpp can take a grammar: its form, its size, and rules that begin with themselves.
//!
//! Written by hand, because llama.cpp's own checks abort the process, run for hours or write the grammar to stderr.
//!
//! Not here: what a JSON schema makes of itself (`schema`).

mod reader;
mod recursion;

/// Rules, with those that llama.cpp makes of groups and repetitions not counted.
const MAX_RULES: usize = 2_000;
/// Of groups within groups.
const MAX_NESTING: usize = 100;
/// llama.cpp's rules of repetitions are named after the rule that they are in.
const MAX_NAME: usize = 1_000;
/// Elements that the repetitions of a grammar may become.
const MAX_REPEATED: u64 = 32_000;

/// A part of an alternative. Those that stand for no text are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A character, a class of them, a literal or a token.
    Text,
    /// What a node stands for, by its place.
    Node(usize),
}

/// What parts stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    /// A rule, or a group in one.
    Choice(Vec<Vec<Part>>),
    /// A part that is repeated.
    Repetition {
        part: Part,
        /// None of it will do.
        optional: bool,
        /// Copies that llama.cpp makes of it, or rules, each of which refers to the next one.
        times: u64,
    },
}

/// Says why llama.cpp cannot take the grammar. `is_token` knows the names of tokens.
pub(super) fn check(grammar: &str, is_token: impl Fn(&str) -> bool) -> Result<(), String> {
    let nodes = reader::read(grammar, &is_token)?;
    recursion::check(&nodes)
}

#[cfg(test)]
mod tests;
