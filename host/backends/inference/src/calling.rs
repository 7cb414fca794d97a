//! How models write calls of tools: the forms that are known, and which of them a chat template speaks of.
//!
//! Not here: what may be called (`tools`), the template itself (`template`).

pub(crate) mod binding;
pub(crate) mod lines;
pub(crate) mod reader;

use crate::{Constraint, Error, Input, Options, template::Format};
use binding::Binding;
use reader::Reader;

/// A form of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, as Hermes and Qwen have it.
    Hermes,
    /// `{"name": …, "parameters": {…}}` as the whole answer, or after `<|python_tag|>`: Llama 3.
    Llama3,
    /// `[TOOL_CALLS][{"name": …, "arguments": {…}}]`, as Mistral's models had it first.
    Mistral,
}

/// What tells the forms apart, and what tells of forms that look like them and are others.
const KNOWN: [(Style, &str, &[&str]); 3] = [
    (Style::Hermes, "<tool_call>", &["<function=", "<arg_key>"]),
    (Style::Mistral, "[TOOL_CALLS]", &["[ARGS]", "[CALL_ID]"]),
    (Style::Llama3, "<|start_header_id|>ipython<|end_header_id|>", &["<function="]),
];

impl Style {
    /// The form that a template's source has.
    pub fn of(source: &str) -> Option<Self> {
        let has = |(_, mark, others): &&(Self, &str, &[&str])| {
            source.contains(mark) && !others.iter().any(|other| source.contains(other))
        };
        KNOWN.iter().find(has).map(|(style, ..)| *style)
    }

    /// What stands before a call.
    pub fn marker(self) -> &'static str {
        match self {
            Self::Hermes => "<tool_call>",
            Self::Llama3 => "<|python_tag|>",
            Self::Mistral => "[TOOL_CALLS]",
        }
    }

    /// What stands after each call. Without it, calls go on to the answer's end.
    pub fn close(self) -> Option<&'static str> {
        match self {
            Self::Hermes => Some("</tool_call>"),
            Self::Llama3 | Self::Mistral => None,
        }
    }

    /// What the arguments are called.
    fn arguments(self) -> &'static str {
        match self {
            Self::Hermes | Self::Mistral => "arguments",
            Self::Llama3 => "parameters",
        }
    }
}

/// What an answer with tools needs, beside its prompt.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// What binds the calls to their form.
    pub binding: Option<Binding>,
    /// What finds them in the answer.
    pub reader: Option<Reader>,
}

impl Calls {
    /// Of a checked input; nothing, unless it offers tools.
    pub fn of(format: &Format, input: &Input, options: &Options) -> Result<Self, Error> {
        let Input::Tools(dialogue) = input else { return Ok(Self::default()) };
        dialogue.check_options(options)?;
        let style = format.style().ok_or_else(no_tools)?;
        if dialogue.offered().is_empty() {
            return Ok(Self::default());
        }
        let answer = match &options.constraint {
            Some(Constraint::JsonSchema(schema)) => Some(schema.as_str()),
            Some(Constraint::Grammar(_)) | None => None,
        };
        Ok(Self { binding: Binding::of(style, dialogue, answer), reader: Some(Reader::new(style, dialogue)) })
    }
}

/// Of a model that cannot be given any.
pub(crate) fn no_tools() -> Error {
    let message =
        "the model's chat template has no place for tools, or calls them in a form that is not known here";
    Error::InvalidArgument(message.into())
}

#[cfg(test)]
mod tests;
