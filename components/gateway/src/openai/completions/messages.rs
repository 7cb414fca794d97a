//! The messages of a conversation, as the model gets them.

mod calls;

use super::unsupported::NO_FUNCTIONS;
use crate::corral::host::inference::{Message, Role, ToolCalls, ToolMessage, ToolResult};
use crate::openai::Mistake;
use crate::openai::field::{Field, Object};

/// What a message may have besides its role and content, and what does not change what the model reads.
struct Form {
    speaker: Speaker,
    harmless: &'static [&'static str],
    unsupported: &'static [(&'static str, &'static str)],
}

enum Speaker {
    Participant(Role),
    /// Whoever did what the model called for.
    Tool,
}

/// The name of who speaks, which some programs always send. Models are not told it.
const NAME: &str = "name";

/// What was answered earlier, as this server or another gave it.
const ANSWERED: &[(&str, &str)] = &[
    ("function_call", NO_FUNCTIONS),
    ("audio", "This server answers in text."),
    ("refusal", "Send what was said as `content`."),
];

pub fn read(field: &Field) -> Result<Vec<ToolMessage>, Mistake> {
    let fields = list(field)?;
    let messages = fields.iter().map(message).collect::<Result<Vec<_>, _>>()?;
    calls::check(&messages, &fields)?;
    match messages.last() {
        Some(ToolMessage::Plain(Message { role: Role::Assistant, .. }) | ToolMessage::Calls(_)) => {
            let what = "the last message is the assistant's, and there is nothing to answer";
            Err(field.invalid("invalid_value", what))
        }
        _ => Ok(messages),
    }
}

/// The text of the last message, which has to be the user's. The others are not looked at.
pub fn last(field: &Field) -> Result<String, Mistake> {
    let mut messages = list(field)?;
    let Some(last) = messages.pop() else { return Err(Mistake::missing("messages")) };
    match message(&last)? {
        ToolMessage::Plain(Message { role: Role::User, content }) if content.is_empty() => {
            Err(last.invalid("empty_string", "the last message is the session's next turn, and it is empty"))
        }
        ToolMessage::Plain(Message { role: Role::User, content }) => Ok(content),
        ToolMessage::Plain(_) | ToolMessage::Calls(_) | ToolMessage::Outcome(_) => {
            let what = "the last message is the session's next turn and has to be the user's";
            Err(last.invalid("invalid_value", what))
        }
    }
}

/// The messages, if none has to do with tools; otherwise they are given back.
pub fn plain(messages: Vec<ToolMessage>) -> Result<Vec<Message>, Vec<ToolMessage>> {
    if !messages.iter().all(|message| matches!(message, ToolMessage::Plain(_))) {
        return Err(messages);
    }
    let plain = |message| match message {
        ToolMessage::Plain(message) => Some(message),
        ToolMessage::Calls(_) | ToolMessage::Outcome(_) => None,
    };
    Ok(messages.into_iter().filter_map(plain).collect())
}

fn list<'v>(field: &Field<'v>) -> Result<Vec<Field<'v>>, Mistake> {
    field.list(1..=usize::MAX)
}

fn message(field: &Field) -> Result<ToolMessage, Mistake> {
    let object = field.object()?;
    let form = Form::of(&object.required("role")?)?;
    for (name, field) in object.members() {
        let unsupported = form.unsupported.iter().find(|(unsupported, _)| *unsupported == name);
        match (name, unsupported) {
            ("role" | "content", _) => {}
            (_, Some(_)) if field.value.as_array().is_some_and(Vec::is_empty) => {}
            (_, Some((_, reason))) => return Err(Mistake::unsupported(&field.place, reason)),
            (NAME, None) => drop(field.text(0..=usize::MAX)?),
            (_, None) if form.harmless.contains(&name) => {}
            (_, None) => return Err(Mistake::unknown(&field.place)),
        }
    }
    match form.speaker {
        Speaker::Participant(Role::Assistant) => answered(&object),
        Speaker::Participant(role) => Ok(ToolMessage::Plain(Message { role, content: content(&object)? })),
        Speaker::Tool => {
            let call = calls::id(&object.required("tool_call_id")?)?;
            Ok(ToolMessage::Outcome(ToolResult { call, content: content(&object)? }))
        }
    }
}

/// What was answered: a text, or calls with or without one.
fn answered(object: &Object) -> Result<ToolMessage, Mistake> {
    let calls = object.read("tool_calls", |field| calls::read(&field))?.unwrap_or_default();
    if calls.is_empty() {
        let (role, content) = (Role::Assistant, content(object)?);
        return Ok(ToolMessage::Plain(Message { role, content }));
    }
    let content = if object.get("content").is_some() { content(object)? } else { String::new() };
    Ok(ToolMessage::Calls(ToolCalls { content, calls }))
}

impl Form {
    fn of(role: &Field) -> Result<Self, Mistake> {
        let supported = "'system', 'developer', 'user', 'assistant' and 'tool'";
        let plain = |role| Self { speaker: Speaker::Participant(role), harmless: &[], unsupported: &[] };
        match role.choice(&["system", "developer", "user", "assistant", "tool", "function"], supported)? {
            "system" | "developer" => Ok(plain(Role::System)),
            "user" => Ok(plain(Role::User)),
            // A client sends an answer back as it got it: with what is ours, and with what others add.
            "assistant" => Ok(Self {
                speaker: Speaker::Participant(Role::Assistant),
                harmless: &["corral", "annotations", "tool_calls"],
                unsupported: ANSWERED,
            }),
            "tool" => Ok(Self { speaker: Speaker::Tool, harmless: &["tool_call_id"], unsupported: &[] }),
            _ => Err(Mistake::unsupported_value(&role.place, role.value, NO_FUNCTIONS)),
        }
    }
}

/// A text, or parts of one.
fn content(message: &Object) -> Result<String, Mistake> {
    let content = message.required("content")?;
    if content.value.is_array() {
        let parts = content.list(1..=usize::MAX)?;
        let texts = parts.iter().map(part).collect::<Result<Vec<_>, _>>()?;
        return Ok(texts.join("\n"));
    }
    match content.value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(content.wrong_type("one of a string or array of objects")),
    }
}

fn part<'v>(field: &Field<'v>) -> Result<&'v str, Mistake> {
    let part = field.object()?;
    let kind = part.required("type")?;
    let known = ["text", "image_url", "input_audio", "file", "refusal"];
    if kind.choice(&known, "'text'")? != "text" {
        let supported = "Only 'text' is supported.";
        return Err(Mistake::unsupported_value(&kind.place, kind.value, supported));
    }
    if let Some(breakpoint) = part.get("prompt_cache_breakpoint") {
        return Err(Mistake::unsupported(&breakpoint.place, "What is cached is chosen here."));
    }
    part.only(&["type", "text"])?;
    part.required("text")?.text(0..=usize::MAX)
}

#[cfg(test)]
mod tests;
