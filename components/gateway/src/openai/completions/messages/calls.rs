//! Earlier calls of tools, and what came of them.

use std::collections::HashSet;

use serde_json::Value;

use crate::corral::host::inference::{ToolCall, ToolMessage};
use crate::openai::Mistake;
use crate::openai::completions::tools::{NO_CUSTOM, name};
use crate::openai::field::Field;

/// As long as an id may be.
const ID: usize = 512;

/// The calls of a message.
pub fn read(field: &Field) -> Result<Vec<ToolCall>, Mistake> {
    field.list(0..=usize::MAX)?.iter().map(call).collect()
}

/// The id of the call that a message tells the outcome of.
pub fn id(field: &Field) -> Result<String, Mistake> {
    field.text(1..=ID).map(str::to_owned)
}

/// What comes of a call is told after it.
pub fn check(messages: &[ToolMessage], fields: &[Field]) -> Result<(), Mistake> {
    let mut known = HashSet::new();
    for (message, field) in messages.iter().zip(fields) {
        match message {
            ToolMessage::Plain(_) => {}
            ToolMessage::Calls(calls) => known.extend(calls.calls.iter().map(|call| call.id.as_str())),
            ToolMessage::Outcome(outcome) if known.contains(outcome.call.as_str()) => {}
            ToolMessage::Outcome(_) => {
                let what = "messages with role 'tool' must be a response to a preceding message with 'tool_calls', \
                            and no call before this has the id";
                return Err(Mistake::invalid(
                    &format!("{}.tool_call_id", field.place),
                    "invalid_value",
                    what,
                ));
            }
        }
    }
    Ok(())
}

fn call(field: &Field) -> Result<ToolCall, Mistake> {
    let call = field.object()?;
    // Of a stream's chunks, calls have their places.
    call.only(&["id", "type", "function", "index"])?;
    let kind = call.required("type")?;
    if kind.choice(&["function", "custom"], "'function'")? != "function" {
        return Err(Mistake::unsupported_value(&kind.place, kind.value, NO_CUSTOM));
    }
    let function = call.required("function")?.object()?;
    // The last one is what a helper of OpenAI's package for Python adds to what it was answered.
    function.only(&["name", "arguments", "parsed_arguments"])?;
    Ok(ToolCall {
        id: id(&call.required("id")?)?,
        name: name(&function.required("name")?)?.to_owned(),
        arguments: arguments(&function.required("arguments")?)?,
    })
}

fn arguments(field: &Field) -> Result<String, Mistake> {
    let text = field.text(0..=usize::MAX)?;
    // What some models, and so some programs, write for none.
    let text = if text.trim().is_empty() { "{}" } else { text };
    match serde_json::from_str(text) {
        Ok(Value::Object(_)) => Ok(text.to_owned()),
        _ => Err(field.invalid("invalid_value", "it has to be the text of a JSON object")),
    }
}
