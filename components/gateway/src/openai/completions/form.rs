//! What the two interfaces for completions have of their own: an answer is a message of a conversation, or
//! the text that goes on where a prompt ends.

use serde::Serialize;

use super::answer::Corral;
use crate::corral::host::inference::{Scored, ToolCall};

pub trait Form {
    /// What an answer's id begins with.
    const ID: &'static str;
    /// What a whole answer is called, and a part of one.
    const WHOLE: &'static str;
    const PART: &'static str;
    /// The parameter that has what is answered.
    const ASKED: &'static str;
    type Whole: Serialize;
    type Part: Serialize;

    fn whole(self, text: String, end: End) -> Self::Whole;

    /// What comes before the first piece of text, if anything does.
    fn opening(&self) -> Option<Self::Part>;

    /// A piece of text with its tokens, if they were asked for.
    fn piece(&mut self, text: String, scored: Option<Vec<Scored>>) -> Self::Part;

    /// A call, if the answer can have one.
    fn call(&mut self, call: ToolCall) -> Option<Self::Part>;

    fn ending(&mut self, end: End) -> Self::Part;
}

/// What is known when an answer ends.
pub struct End {
    /// Tokens, if they were asked for: all of them, or of a part those whose text never came.
    pub scored: Option<Vec<Scored>>,
    /// All calls; of a part none.
    pub calls: Vec<ToolCall>,
    /// What a session's turn has besides.
    pub corral: Option<Corral>,
    pub finish_reason: &'static str,
}
