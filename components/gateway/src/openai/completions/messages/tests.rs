//! Messages as clients send them.

use serde_json::{Value, json};

use super::*;

fn field(value: &Value) -> Field<'_> {
    Field { place: "messages".to_owned(), value }
}

fn call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
}

fn understood(value: Value) -> Vec<(Role, String)> {
    let messages = read(&field(&value)).unwrap();
    plain(messages).unwrap().into_iter().map(|message| (message.role, message.content)).collect()
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
        {"role": "developer", "name": "author", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "kind."}]},
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
            "messages[0].tool_call_id",
            "invalid_value",
        ),
        (json!({"role": "tool", "content": "x"}), "messages[0].tool_call_id", "missing_required_parameter"),
        (json!({"role": "tool", "tool_call_id": "1"}), "messages[0].content", "missing_required_parameter"),
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
        (json!({"role": "user", "content": "x", "name": 1}), "messages[0].name", "invalid_type"),
        (json!({"role": "user", "content": "x", "corral": {}}), "messages[0].corral", "unknown_parameter"),
        (
            json!({"role": "assistant", "content": null, "tool_calls": []}),
            "messages[0].content",
            "missing_required_parameter",
        ),
        (
            json!({"role": "assistant", "content": "x", "function_call": {"name": "f", "arguments": "{}"}}),
            "messages[0].function_call",
            "unsupported_parameter",
        ),
        (
            json!({"role": "user", "content": "x", "tool_calls": []}),
            "messages[0].tool_calls",
            "unknown_parameter",
        ),
        (json!({"role": "assistant", "tool_calls": [call("1", "{}")]}), "messages", "invalid_value"),
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

#[test]
fn calls_and_what_came_of_them_are_read() {
    let messages = json!([
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": null, "refusal": null, "tool_calls": [call("1", "{\"a\": 1}"), call("2", "")]},
        {"role": "tool", "tool_call_id": "2", "name": "f", "content": [{"type": "text", "text": "two"}]},
        {"role": "tool", "tool_call_id": "1", "content": "one"},
    ]);
    let messages = plain(read(&field(&messages)).unwrap()).unwrap_err();
    let [_, ToolMessage::Calls(said), ToolMessage::Outcome(two), ToolMessage::Outcome(one)] = &messages[..]
    else {
        panic!("{messages:?}")
    };
    let calls: Vec<_> = said
        .calls
        .iter()
        .map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str()))
        .collect();
    assert_eq!((said.content.as_str(), calls), ("", vec![("1", "f", "{\"a\": 1}"), ("2", "f", "{}")]));
    assert_eq!((two.call.as_str(), two.content.as_str()), ("2", "two"));
    assert_eq!((one.call.as_str(), one.content.as_str()), ("1", "one"));
}

#[test]
fn a_call_out_of_its_form_is_named_with_its_place() {
    let function = |function: Value| json!({"id": "1", "type": "function", "function": function});
    for (call, place, code) in [
        (json!(1), "", "invalid_type"),
        (
            json!({"type": "function", "function": {"name": "f", "arguments": "{}"}}),
            ".id",
            "missing_required_parameter",
        ),
        (
            json!({"id": "1", "function": {"name": "f", "arguments": "{}"}}),
            ".type",
            "missing_required_parameter",
        ),
        (json!({"id": "1", "type": "custom"}), ".type", "unsupported_value"),
        (json!({"id": "1", "type": "function"}), ".function", "missing_required_parameter"),
        (function(json!({"arguments": "{}"})), ".function.name", "missing_required_parameter"),
        (function(json!({"name": "a b", "arguments": "{}"})), ".function.name", "invalid_value"),
        (function(json!({"name": "f"})), ".function.arguments", "missing_required_parameter"),
        (function(json!({"name": "f", "arguments": {}})), ".function.arguments", "invalid_type"),
        (function(json!({"name": "f", "arguments": "{"})), ".function.arguments", "invalid_value"),
        (function(json!({"name": "f", "arguments": "[]"})), ".function.arguments", "invalid_value"),
        (json!({"id": "1", "type": "function", "x": 1}), ".x", "unknown_parameter"),
    ] {
        let messages = json!([{"role": "assistant", "tool_calls": [call]}, {"role": "user", "content": "x"}]);
        assert_eq!(refused(&messages), (format!("messages[0].tool_calls[0]{place}"), code), "{call}");
    }
}

#[test]
fn an_outcome_is_of_a_call_before_it() {
    let asked = json!({"role": "assistant", "tool_calls": [call("1", "{}")]});
    let told = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "x"});
    assert!(read(&field(&json!([asked, told("1")]))).is_ok());
    for (messages, place) in [
        (json!([asked, told("2")]), "messages[1].tool_call_id"),
        (json!([told("1"), asked, told("1")]), "messages[0].tool_call_id"),
    ] {
        assert_eq!(refused(&messages), (place.to_owned(), "invalid_value"));
    }
}
