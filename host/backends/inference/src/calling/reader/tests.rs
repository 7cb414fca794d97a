//! Answers in every form, whole and in pieces.

use super::*;
use crate::{Choice, Tool};

fn reader(style: Style, parallel: bool) -> Reader {
    let tool = |name: &str| Tool { name: name.into(), description: None, parameters: None, strict: false };
    let tools = vec![tool("f"), tool("g")];
    Reader::new(style, &Dialogue { turns: Vec::new(), tools, choice: Choice::Auto, parallel })
}

/// Text, and calls as `name(arguments)`, in their order; pieces of text that follow each other are one.
fn told(events: Vec<Event>) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    let mut in_text = false;
    for event in events {
        let is_text = matches!(event, Event::Delta(_));
        match (event, told.last_mut()) {
            (Event::Delta(text), Some(last)) if in_text => last.push_str(&text),
            (Event::Delta(text), _) => told.push(text),
            (Event::Call(call), _) => {
                assert!(call.id.starts_with("call_") && call.id.len() == 29, "{}", call.id);
                told.push(format!("{}({})", call.name, call.arguments));
            }
            other => panic!("{other:?}"),
        }
        in_text = is_text;
    }
    told
}

/// Whatever the pieces are, the answer is the same, and no piece of a marker goes out before it is known to be none.
fn read_in(style: Style, parallel: bool, answer: &str) -> Vec<String> {
    let whole = |pieces: &[&str]| {
        let mut reader = reader(style, parallel);
        let mut events: Vec<_> = pieces.iter().flat_map(|piece| reader.push(piece)).collect();
        events.extend(reader.finish());
        told(events)
    };
    let expected = whole(&[answer]);
    for (at, _) in answer.char_indices() {
        let (before, after) = answer.split_at(at);
        assert_eq!(whole(&[before, after]), expected, "{before:?}, {after:?}");
    }
    let characters: Vec<_> = answer.split_inclusive(|_| true).collect();
    assert_eq!(whole(&characters), expected);
    expected
}

fn read(style: Style, answer: &str) -> Vec<String> {
    read_in(style, true, answer)
}

#[test]
fn hermes_calls_are_found_with_the_text_before_them() {
    let one = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"b\": 1, \"a\": [2]}}\n</tool_call>";
    assert_eq!(read(Style::Hermes, one), ["f({\"b\": 1, \"a\": [2]})"]);
    let said = format!("Let me see.\n\n{one}\n");
    assert_eq!(read(Style::Hermes, &said), ["Let me see.", "f({\"b\": 1, \"a\": [2]})"]);
    let two = format!("{one}\n{}", one.replace("\"f\"", "\"g\""));
    assert_eq!(read(Style::Hermes, &two), ["f({\"b\": 1, \"a\": [2]})", "g({\"b\": 1, \"a\": [2]})"]);
    assert_eq!(read_in(Style::Hermes, false, &two), ["f({\"b\": 1, \"a\": [2]})"]);
    // Some models end their answer without the last marker.
    let open = one.strip_suffix("\n</tool_call>").unwrap();
    assert_eq!(read(Style::Hermes, open), ["f({\"b\": 1, \"a\": [2]})"]);
}

#[test]
fn a_closing_marker_within_an_argument_closes_nothing() {
    let answer = "<tool_call>{\"name\":\"f\",\"arguments\":{\"x\":\"</tool_call>\"}}</tool_call>";
    assert_eq!(read(Style::Hermes, answer), ["f({\"x\":\"</tool_call>\"})"]);
}

#[test]
fn what_is_no_call_is_text() {
    for text in [
        "Hello, <tool> and <tool_calls are no markers.\n",
        "<tool_call>\nnot JSON\n</tool_call> and on",
        "<tool_call>{\"name\": \"unknown\", \"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>",
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"broken",
        "<tool_ca",
        " \n ",
    ] {
        assert_eq!(read(Style::Hermes, text), [text]);
    }
    assert!(read(Style::Hermes, "").is_empty());
    let mixed = "<tool_call>no</tool_call>\n<tool_call>{\"name\": \"f\"}</tool_call>";
    assert_eq!(read(Style::Hermes, mixed), ["<tool_call>no</tool_call>", "f({})"]);
}

#[test]
fn llama_calls_are_the_whole_answer_or_follow_their_marker() {
    let call = "{\"name\": \"f\", \"parameters\": {\"x\": \"1\"}}";
    assert_eq!(read(Style::Llama3, call), ["f({\"x\": \"1\"})"]);
    assert_eq!(read(Style::Llama3, &format!("\n{call}\n")), ["f({\"x\": \"1\"})"]);
    assert_eq!(read(Style::Llama3, &format!("<|python_tag|>{call}")), ["f({\"x\": \"1\"})"]);
    let typed = call.replace("{\"name", "{\"type\": \"function\", \"name");
    assert_eq!(read(Style::Llama3, &typed), ["f({\"x\": \"1\"})"]);
    let two = format!("{call}; {call}");
    assert_eq!(read(Style::Llama3, &two), ["f({\"x\": \"1\"})", "f({\"x\": \"1\"})"]);
    assert_eq!(read_in(Style::Llama3, false, &two), ["f({\"x\": \"1\"})"]);
    for text in [
        "Sure: {\"name\": \"f\", \"parameters\": {}}",
        "{\"colour\": \"blue\"}",
        "{\"name\": \"Ada\"}",
        "{\"name\": \"f\", \"parameters\": {}} is how to call it.",
        "<|python_tag|>print(1)",
        "{",
    ] {
        assert_eq!(read(Style::Llama3, text), [text]);
    }
}

#[test]
fn mistral_calls_are_a_list_after_their_marker() {
    let list = "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"x\": 1}}, {\"name\": \"g\", \"arguments\": {}, \"id\": \"123456789\"}]";
    assert_eq!(read(Style::Mistral, list), ["f({\"x\": 1})", "g({})"]);
    assert_eq!(read_in(Style::Mistral, false, list), ["f({\"x\": 1})"]);
    assert_eq!(read(Style::Mistral, &format!("Well. {list}")), ["Well.", "f({\"x\": 1})", "g({})"]);
    for text in ["[TOOL_CALLS][{\"name\": \"f\", \"argum", "[TOOL_CALLS] none", "[TOOL", "[1, 2]"] {
        assert_eq!(read(Style::Mistral, text), [text]);
    }
}

#[test]
fn arguments_that_a_model_wrote_as_a_text_are_taken_out_of_it() {
    let answer = r#"<tool_call>{"name":"f","arguments":"{\"x\": 1}"}</tool_call>"#;
    assert_eq!(read(Style::Hermes, answer), ["f({\"x\": 1})"]);
    let none = r#"<tool_call>{"name":"f","arguments":null}</tool_call>"#;
    assert_eq!(read(Style::Hermes, none), ["f({})"]);
}

#[test]
fn text_goes_out_as_soon_as_it_cannot_be_a_call() {
    let mut hermes = reader(Style::Hermes, true);
    assert_eq!(hermes.push("Look: <tool"), [Event::Delta("Look:".into())]);
    assert_eq!(hermes.push("_box>"), [Event::Delta(" <tool_box>".into())]);
    let mut llama = reader(Style::Llama3, true);
    assert_eq!(llama.push("{\"na"), []);
    assert_eq!(llama.push("tion\": 1"), [Event::Delta("{\"nation\": 1".into())]);
}

#[test]
fn after_the_one_call_that_there_may_be_nothing_comes() {
    let mut reader = reader(Style::Hermes, false);
    let events = reader.push("<tool_call>{\"name\":\"f\"}</tool_call> and");
    assert!(matches!(events[..], [Event::Call(_)]) && reader.is_over());
    assert_eq!((reader.push(" so on"), reader.finish()), (Vec::new(), Vec::new()));
}

#[test]
fn markers_are_known_by_their_text() {
    let hermes = reader(Style::Hermes, true);
    assert!(hermes.is_marker(b"<tool_call>") && hermes.is_marker(b"</tool_call>"));
    assert!(!hermes.is_marker(b"<|im_end|>") && !hermes.is_marker(b""));
    assert!(reader(Style::Mistral, true).is_marker(b"[TOOL_CALLS]"));
    assert!(!reader(Style::Mistral, true).is_marker(b""));
}
