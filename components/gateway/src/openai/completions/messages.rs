//! The messages of a conversation, as the model gets them.

use super::unsupported::NO_TOOLS;
use crate::corral::host::inference::{Message, Role};
use crate::openai::Mistake;
use crate::openai::field::{Field, Object};

/// What a message may have besides its role and content, and what does not change what the model reads.
struct Form {
    role: Role,
    harmless: &'static [&'static str],
    unsupported: &'static [(&'static str, &'static str)],
}

const NAMES: (&str, &str) = ("name", "Models are not told the names of participants.");

/// Instructions, and what people write.
const PLAIN: &[(&str, &str)] = &[NAMES];

/// What was answered earlier, as this server or another gave it.
const ANSWERED: &[(&str, &str)] = &[
    NAMES,
    ("tool_calls", NO_TOOLS),
    ("function_call", NO_TOOLS),
    ("audio", "This server answers in text."),
    ("refusal", "Send what was said as `content`."),
];

pub fn read(field: &Field) -> Result<Vec<Message>, Mistake> {
    let messages = list(field)?.iter().map(message).collect::<Result<Vec<_>, _>>()?;
    if messages.last().is_some_and(|message| message.role == Role::Assistant) {
        let what = "the last message is the assistant's, and there is nothing to answer";
        return Err(field.invalid("invalid_value", what));
    }
    Ok(messages)
}

/// The text of the last message, which has to be the user's. The others are not looked at.
pub fn last(field: &Field) -> Result<String, Mistake> {
    let mut messages = list(field)?;
    let Some(last) = messages.pop() else { return Err(Mistake::missing("messages")) };
    let message = message(&last)?;
    match message.role {
        Role::User if message.content.is_empty() => {
            Err(last.invalid("empty_string", "the last message is the session's next turn, and it is empty"))
        }
        Role::User => Ok(message.content),
        Role::System | Role::Assistant => {
            let what = "the last message is the session's next turn and has to be the user's";
            Err(last.invalid("invalid_value", what))
        }
    }
}

fn list<'v>(field: &Field<'v>) -> Result<Vec<Field<'v>>, Mistake> {
    field.list(1..=usize::MAX)
}

fn message(field: &Field) -> Result<Message, Mistake> {
    let object = field.object()?;
    let form = Form::of(&object.required("role")?)?;
    for (name, field) in object.members() {
        let unsupported = form.unsupported.iter().find(|(unsupported, _)| *unsupported == name);
        match (name, unsupported) {
            ("role" | "content", _) => {}
            (_, Some(_)) if field.value.as_array().is_some_and(Vec::is_empty) => {}
            (_, Some((_, reason))) => return Err(Mistake::unsupported(&field.place, reason)),
            (_, None) if form.harmless.contains(&name) => {}
            (_, None) => return Err(Mistake::unknown(&field.place)),
        }
    }
    Ok(Message { role: form.role, content: content(&object)? })
}

impl Form {
    fn of(role: &Field) -> Result<Self, Mistake> {
        let supported = "'system', 'developer', 'user' and 'assistant'";
        let plain = |role| Self { role, harmless: &[], unsupported: PLAIN };
        match role.choice(&["system", "developer", "user", "assistant", "tool", "function"], supported)? {
            "system" | "developer" => Ok(plain(Role::System)),
            "user" => Ok(plain(Role::User)),
            // A client sends an answer back as it got it: with what is ours, and with what others add.
            "assistant" => Ok(Self {
                role: Role::Assistant,
                harmless: &["corral", "annotations"],
                unsupported: ANSWERED,
            }),
            _ => Err(Mistake::unsupported_value(&role.place, role.value, NO_TOOLS)),
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
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn field(value: &Value) -> Field<'_> {
        Field { place: "messages".to_owned(), value }
    }

    fn understood(value: Value) -> Vec<(Role, String)> {
        let messages = read(&field(&value)).unwrap();
        messages.into_iter().map(|message| (message.role, message.content)).collect()
    }

    /// The place and code of what is wrong.
    fn refused(value: &Value) -> (String, &'static str) {
        let mistake = read(&field(value)).unwrap_err();
        (mistake.param.unwrap(), mistake.code.unwrap())
    }

    #[test]
    fn every_role_and_form_of_content_is_read() {
        let messages = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "kind."}]},
            {"role": "user", "content": "Hello", "name": null},
            {"role": "assistant", "content": "Hi!", "refusal": null, "tool_calls": [], "annotations": [], "corral": {}},
            {"role": "user", "content": ""},
        ]);
        let expected = [
            (Role::System, "Be brief."),
            (Role::System, "Be\nkind."),
            (Role::User, "Hello"),
            (Role::Assistant, "Hi!"),
            (Role::User, ""),
        ];
        assert_eq!(understood(messages), expected.map(|(role, text)| (role, text.to_owned())));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (message, place, code) in [
            (json!("Hello"), "messages[0]", "invalid_type"),
            (json!({"content": "x"}), "messages[0].role", "missing_required_parameter"),
            (json!({"role": 1, "content": "x"}), "messages[0].role", "invalid_type"),
            (json!({"role": "robot", "content": "x"}), "messages[0].role", "invalid_value"),
            (
                json!({"role": "tool", "content": "x", "tool_call_id": "1"}),
                "messages[0].role",
                "unsupported_value",
            ),
            (json!({"role": "function", "content": "x"}), "messages[0].role", "unsupported_value"),
            (json!({"role": "user"}), "messages[0].content", "missing_required_parameter"),
            (json!({"role": "user", "content": null}), "messages[0].content", "missing_required_parameter"),
            (json!({"role": "user", "content": 1}), "messages[0].content", "invalid_type"),
            (json!({"role": "user", "content": []}), "messages[0].content", "empty_array"),
            (json!({"role": "user", "content": ["x"]}), "messages[0].content[0]", "invalid_type"),
            (
                json!({"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url"}]}),
                "messages[0].content[1].type",
                "unsupported_value",
            ),
            (
                json!({"role": "user", "content": [{"type": "video"}]}),
                "messages[0].content[0].type",
                "invalid_value",
            ),
            (
                json!({"role": "user", "content": [{"type": "text"}]}),
                "messages[0].content[0].text",
                "missing_required_parameter",
            ),
            (
                json!({"role": "user", "content": [{"type": "text", "text": "x", "y": 1}]}),
                "messages[0].content[0].y",
                "unknown_parameter",
            ),
            (
                json!({"role": "user", "content": "x", "name": "ada"}),
                "messages[0].name",
                "unsupported_parameter",
            ),
            (
                json!({"role": "user", "content": "x", "corral": {}}),
                "messages[0].corral",
                "unknown_parameter",
            ),
            (
                json!({"role": "assistant", "content": "x", "tool_calls": [{}]}),
                "messages[0].tool_calls",
                "unsupported_parameter",
            ),
            (json!({"role": "assistant", "content": "x"}), "messages", "invalid_value"),
        ] {
            assert_eq!(refused(&json!([message])), (place.to_owned(), code), "{message}");
        }
        assert_eq!(refused(&json!([])), ("messages".to_owned(), "empty_array"));
        assert_eq!(refused(&json!("x")), ("messages".to_owned(), "invalid_type"));
    }

    #[test]
    fn a_turn_is_the_last_message_whatever_comes_before() {
        let messages =
            json!([{"role": "tool"}, 7, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]);
        assert_eq!(last(&field(&messages)).unwrap(), "Hi");
        for (wrong, code) in [
            (json!([]), "empty_array"),
            (json!([{"role": "user", "content": ""}]), "empty_string"),
            (json!([{"role": "assistant", "content": "x"}]), "invalid_value"),
            (json!([{"role": "system", "content": "x"}]), "invalid_value"),
            (json!([{"role": "user"}]), "missing_required_parameter"),
        ] {
            assert_eq!(last(&field(&wrong)).unwrap_err().code, Some(code), "{wrong}");
        }
    }
}
