//! Conversations with tools as they are sent.

use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;

use super::Spoken;
use crate::tools::{Choice, Dialogue, Tool, ToolCall, Turn};

/// What a request says of tools; nothing where the model is to be told of none.
#[derive(Debug, Default, Serialize)]
pub(super) struct Offer<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Sent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Wanted<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
}

/// A function, offered, called or chosen.
#[derive(Debug, Serialize)]
struct Sent<'a, T = Offered<'a>> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    function: T,
}

#[derive(Debug, Serialize)]
struct Offered<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_written")]
    parameters: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

#[derive(Debug, Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Wanted<'a> {
    Word(&'static str),
    One(Sent<'a, Named<'a>>),
}

/// An earlier call within a message.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(in crate::remote) struct Call<'a>(Sent<'a, Called<'a>>);

impl<'a> Offer<'a> {
    pub fn of(dialogue: &'a Dialogue) -> Self {
        let tools: Vec<_> = dialogue.offered().iter().map(Sent::tool).collect();
        if tools.is_empty() {
            return Self::default();
        }
        let choice = match &dialogue.choice {
            Choice::None => Wanted::Word("none"),
            Choice::Auto => Wanted::Word("auto"),
            Choice::Required => Wanted::Word("required"),
            Choice::Named(name) => Wanted::One(Sent { id: None, kind: "function", function: Named { name } }),
        };
        Self { tools, tool_choice: Some(choice), parallel_tool_calls: Some(dialogue.parallel) }
    }
}

impl<'a> Sent<'a> {
    fn tool(tool: &'a Tool) -> Self {
        let function = Offered {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters.as_deref(),
            strict: tool.strict,
        };
        Self { id: None, kind: "function", function }
    }
}

impl<'a> Spoken<'a> {
    /// A message of a conversation with tools.
    pub(super) fn turn(turn: &'a Turn) -> Self {
        let plain = |role, content| Self { role, content, tool_calls: Vec::new(), tool_call_id: None };
        match turn {
            Turn::Plain(message) => plain(message.role.name(), &message.content),
            Turn::Calls { content, calls } => {
                Self { tool_calls: calls.iter().map(Call::of).collect(), ..plain("assistant", content) }
            }
            Turn::Outcome { call, content } => Self { tool_call_id: Some(call), ..plain("tool", content) },
        }
    }
}

impl<'a> Call<'a> {
    fn of(call: &'a ToolCall) -> Self {
        let function = Called { name: &call.name, arguments: &call.arguments };
        Self(Sent { id: Some(&call.id), kind: "function", function })
    }
}

/// JSON that was checked, with its members in their order.
fn as_written<S: Serializer>(json: &Option<&str>, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: Option<&RawValue> = json.map(serde_json::from_str).transpose().map_err(S::Error::custom)?;
    raw.serialize(serializer)
}
