//! What a model may call, conversations in which it did, and the checks that need no model.
//!
//! Not here: how a model writes its calls (`calling`).

use std::{
    collections::HashSet,
    hash::{BuildHasher, Hasher, RandomState},
};

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{Constraint, Error, Message, Options, Role};

const MAX_TOOLS: usize = 128;
const MAX_NAME: usize = 64;

/// A function of the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// 1 to 64 letters, digits, `_` and `-`.
    pub name: String,
    /// What it does, in words for the model.
    pub description: Option<String>,
    /// The JSON schema of its arguments; none takes none.
    pub parameters: Option<String>,
    /// Whether calls keep to the schema even where the model is free to call or not.
    pub strict: bool,
}

/// A model's wish that a tool be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// What the call's result names it by.
    pub id: String,
    /// The tool's.
    pub name: String,
    /// A JSON object.
    pub arguments: String,
}

/// A message of a conversation with tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// One as in any chat.
    Plain(Message),
    /// The assistant's, with calls.
    Calls {
        /// What it said before.
        content: String,
        /// At least one.
        calls: Vec<ToolCall>,
    },
    /// What came of a call.
    Outcome {
        /// The call's id.
        call: String,
        /// What came of it.
        content: String,
    },
}

/// Whether the model calls tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// It does not, and is not told of them.
    None,
    /// As it likes.
    Auto,
    /// At least one.
    Required,
    /// The one of that name.
    Named(String),
}

/// A conversation, and the tools that its next answer may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialogue {
    /// What was said, called, and came of it.
    pub turns: Vec<Turn>,
    /// What may be called.
    pub tools: Vec<Tool>,
    /// Whether the model calls them.
    pub choice: Choice,
    /// Whether an answer may have more than one call.
    pub parallel: bool,
}

impl Dialogue {
    /// The tools that the model is told of.
    pub(crate) fn offered(&self) -> &[Tool] {
        if self.choice == Choice::None { &[] } else { &self.tools }
    }

    /// Bytes of text in it.
    pub(crate) fn bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let tool = |tool: &Tool| tool.name.len() + optional(&tool.description) + optional(&tool.parameters);
        self.turns.iter().map(Turn::bytes).sum::<usize>() + self.tools.iter().map(tool).sum::<usize>()
    }

    /// The name of the tool that an earlier call was of.
    pub(crate) fn called(&self, id: &str) -> Option<&str> {
        self.calls().find(|call| call.id == id).map(|call| call.name.as_str())
    }

    /// The place of an earlier call among all calls.
    pub(crate) fn place(&self, id: &str) -> usize {
        self.calls().position(|call| call.id == id).unwrap_or_default()
    }

    /// Says what is out of its form. How many messages there may be, the input says.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_tools()?;
        self.check_turns()
    }

    /// Says which option does not go together with tools.
    pub(crate) fn check_options(&self, options: &Options) -> Result<(), Error> {
        match &options.constraint {
            Some(Constraint::Grammar(_)) if !self.offered().is_empty() => {
                return Err(invalid(
                    "an answer that may call tools is bound by a JSON schema, not by a grammar",
                ));
            }
            Some(Constraint::JsonSchema(schema)) => {
                let checked = serde_json::from_str::<IgnoredAny>(schema);
                checked.map_err(|error| invalid(format!("the JSON schema is not JSON: {error}")))?;
            }
            Some(Constraint::Grammar(_)) | None => {}
        }
        match options.log_probabilities {
            Some(_) => Err(invalid("of an answer with tools no log-probabilities are told")),
            None => Ok(()),
        }
    }

    fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.turns.iter().flat_map(|turn| match turn {
            Turn::Calls { calls, .. } => calls.as_slice(),
            Turn::Plain(_) | Turn::Outcome { .. } => &[],
        })
    }

    fn check_tools(&self) -> Result<(), Error> {
        if self.tools.len() > MAX_TOOLS {
            return Err(invalid(format!("at most {MAX_TOOLS} tools")));
        }
        let mut names = HashSet::new();
        for tool in &self.tools {
            tool.check()?;
            if !names.insert(tool.name.as_str()) {
                return Err(invalid(format!("two tools are named {}", tool.name)));
            }
        }
        match &self.choice {
            Choice::Named(name) if !names.contains(name.as_str()) => {
                Err(invalid(format!("there is no tool named {name:?}")))
            }
            Choice::Required if names.is_empty() => Err(invalid("there is no tool to call")),
            Choice::None | Choice::Auto | Choice::Required | Choice::Named(_) => Ok(()),
        }
    }

    fn check_turns(&self) -> Result<(), Error> {
        let mut known = HashSet::new();
        for turn in &self.turns {
            match turn {
                Turn::Plain(_) => {}
                Turn::Calls { calls, .. } if calls.is_empty() => {
                    return Err(invalid("a message with calls has at least one"));
                }
                Turn::Calls { calls, .. } => {
                    calls.iter().try_for_each(ToolCall::check)?;
                    known.extend(calls.iter().map(|call| call.id.as_str()));
                }
                Turn::Outcome { call, .. } if !known.contains(call.as_str()) => {
                    return Err(invalid(format!("no earlier message calls {call:?}")));
                }
                Turn::Outcome { .. } => {}
            }
        }
        match self.turns.last() {
            Some(Turn::Plain(Message { role: Role::User | Role::System, .. }) | Turn::Outcome { .. }) => {
                Ok(())
            }
            Some(Turn::Plain(_) | Turn::Calls { .. }) | None => {
                Err(invalid("the last message has to be the user's or a tool's"))
            }
        }
    }
}

impl Turn {
    fn bytes(&self) -> usize {
        match self {
            Self::Plain(message) => message.content.len(),
            Self::Calls { content, calls } => {
                content.len() + calls.iter().map(|call| call.name.len() + call.arguments.len()).sum::<usize>()
            }
            Self::Outcome { content, .. } => content.len(),
        }
    }
}

impl Tool {
    fn check(&self) -> Result<(), Error> {
        check_name(&self.name)?;
        let Some(parameters) = &self.parameters else { return Ok(()) };
        // serde_json also bounds the nesting.
        match serde_json::from_str(parameters) {
            Ok(Value::Object(schema)) if schema.get("type").is_none_or(|kind| kind == "object") => Ok(()),
            Ok(_) => Err(invalid(format!("the parameters of {} are no JSON schema of an object", self.name))),
            Err(error) => Err(invalid(format!("the parameters of {} are no JSON: {error}", self.name))),
        }
    }
}

impl ToolCall {
    fn check(&self) -> Result<(), Error> {
        check_name(&self.name)?;
        match is_object(&self.arguments) {
            true => Ok(()),
            false => Err(invalid(format!("the arguments of the call {:?} are no JSON object", self.id))),
        }
    }
}

/// An id that no call has had.
pub(crate) fn fresh_id() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("call_{:016x}{:08x}", random(), random() >> 32)
}

/// Whether a text is a JSON object that is not nested too deep.
pub(crate) fn is_object(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(Value::Object(_)))
}

fn check_name(name: &str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_plain) {
        true => Ok(()),
        false => {
            Err(invalid(format!("a tool's name has 1 to {MAX_NAME} letters, digits, _ and -: {name:?}")))
        }
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidArgument(message.into())
}

#[cfg(test)]
mod tests;
