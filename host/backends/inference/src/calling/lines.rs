//! A conversation with tools as chat templates read it: in the form that Hugging Face's tools give it.

use minijinja::value::{Value, ValueKind};

use super::Style;
use crate::{
    Error, Message,
    template::jinja::Line,
    tools::{Dialogue, Tool, ToolCall, Turn},
};

/// Of a tool without parameters: templates expect some.
const NO_PARAMETERS: &str = r#"{"type": "object", "properties": {}}"#;

/// The messages, and the tools. What others wrote is `inert` in them, but for the contents: those the template keeps
/// apart.
pub(crate) fn of(
    dialogue: &Dialogue,
    style: Style,
    inert: &impl Fn(&str) -> String,
) -> Result<(Vec<Line>, Value), Error> {
    let writer = Writer { dialogue, style, inert };
    let lines = dialogue.turns.iter().map(|turn| writer.line(turn)).collect::<Result<_, _>>()?;
    let tools = dialogue.offered().iter().map(|tool| writer.tool(tool)).collect::<Result<Vec<_>, _>>()?;
    Ok((lines, if tools.is_empty() { Value::from(()) } else { Value::from(tools) }))
}

struct Writer<'a, F> {
    dialogue: &'a Dialogue,
    style: Style,
    inert: &'a F,
}

impl<F: Fn(&str) -> String> Writer<'_, F> {
    fn line(&self, turn: &Turn) -> Result<Line, Error> {
        Ok(match turn {
            Turn::Plain(Message { role, content }) => Line::new(role.name(), content),
            Turn::Calls { content, calls } => {
                let calls = calls.iter().map(|call| self.call(call)).collect::<Result<Vec<_>, _>>()?;
                Line { more: vec![("tool_calls", Value::from(calls))], ..Line::new("assistant", content) }
            }
            Turn::Outcome { call, content } => {
                let name = self.dialogue.called(call).unwrap_or_default();
                let more = vec![("tool_call_id", self.id(call)), ("name", name.into())];
                Line { more, ..Line::new("tool", content) }
            }
        })
    }

    fn call(&self, call: &ToolCall) -> Result<Value, Error> {
        let function = [("name", call.name.as_str().into()), ("arguments", self.json(&call.arguments)?)];
        Ok(map([("id", self.id(&call.id)), ("type", "function".into()), ("function", map(function))]))
    }

    fn tool(&self, tool: &Tool) -> Result<Value, Error> {
        let description = (self.inert)(tool.description.as_deref().unwrap_or_default());
        let function = [
            ("name", tool.name.as_str().into()),
            ("description", description.into()),
            ("parameters", self.json(tool.parameters.as_deref().unwrap_or(NO_PARAMETERS))?),
        ];
        Ok(map([("type", "function".into()), ("function", map(function))]))
    }

    /// Mistral's templates want nine letters or digits: the call's place among all.
    fn id(&self, id: &str) -> Value {
        match self.style {
            Style::Hermes | Style::Llama3 => (self.inert)(id).into(),
            Style::Mistral => format!("{:09}", self.dialogue.place(id)).into(),
        }
    }

    fn json(&self, text: &str) -> Result<Value, Error> {
        // It was checked: this fails on nothing.
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Error::InvalidArgument(format!("a tool's JSON: {error}")))?;
        Ok(harmless(&value, self.inert))
    }
}

fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
    members.into_iter().collect()
}

/// The same with every text in it `inert`.
fn harmless(value: &Value, inert: &impl Fn(&str) -> String) -> Value {
    let items = || value.try_iter().into_iter().flatten();
    match value.kind() {
        ValueKind::String => value.as_str().map(inert).unwrap_or_default().into(),
        ValueKind::Seq => items().map(|item| harmless(&item, inert)).collect::<Vec<_>>().into(),
        ValueKind::Map => items()
            .map(|key| (harmless(&key, inert), harmless(&value.get_item(&key).unwrap_or_default(), inert)))
            .collect(),
        _ => value.clone(),
    }
}
