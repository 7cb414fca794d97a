//! The forms that templates have, and conversations in each of them.

use super::*;
use crate::{
    Choice, Dialogue, Message, Role, Tool, ToolCall, Turn,
    template::jinja::{ChatTemplate, Part},
};

const HERMES: &str = include_str!("../../tests/templates/hermes.jinja");
const MISTRAL: &str = include_str!("../../tests/templates/mistral.jinja");
const LLAMA3: &str = include_str!("../../tests/templates/llama3.jinja");

/// With its members in no order of the alphabet.
const SCHEMA: &str = r#"{"type":"object","properties":{"town":{"type":"string"},"day":{"type":"string"}}}"#;

fn template(source: &str) -> ChatTemplate {
    ChatTemplate::new(source.into(), "<s>".into(), "</s>".into()).unwrap()
}

fn said(role: Role, content: &str) -> Turn {
    Turn::Plain(Message { role, content: content.into() })
}

fn dialogue() -> Dialogue {
    let arguments = r#"{"town": "Köln <b>", "day": null}"#.into();
    let call = ToolCall { id: "call_1".into(), name: "weather".into(), arguments };
    Dialogue {
        turns: vec![
            said(Role::User, "How is it?"),
            Turn::Calls { content: String::new(), calls: vec![call] },
            Turn::Outcome { call: "call_1".into(), content: "\"wet\"".into() },
        ],
        tools: vec![Tool {
            name: "weather".into(),
            description: Some("What it's like.".into()),
            parameters: Some(SCHEMA.into()),
            strict: true,
        }],
        choice: Choice::Auto,
        parallel: true,
    }
}

fn rendered(source: &str, dialogue: &Dialogue) -> String {
    let parts = template(source).parts_with_tools(dialogue, str::to_owned).unwrap();
    parts.iter().map(|(Part::Template(text) | Part::Content(text))| text.as_str()).collect()
}

#[test]
fn each_template_has_the_form_that_it_speaks_of() {
    assert_eq!(template(HERMES).style(), Some(Style::Hermes));
    assert_eq!(template(MISTRAL).style(), Some(Style::Mistral));
    assert_eq!(template(LLAMA3).style(), Some(Style::Llama3));
}

#[test]
fn templates_without_a_place_for_tools_or_with_another_form_have_none() {
    for source in [
        // No tools.
        "{% for m in messages %}{{ m.content }}{% endfor %}".to_owned(),
        "{# <tool_call> #}{% for m in messages %}{{ m.content }}{% endfor %}".to_owned(),
        // Forms that are not known.
        "{{ tools | tojson }}".to_owned(),
        format!("{HERMES}{{# <function=name><parameter=name> #}}"),
        format!("{MISTRAL}{{# [ARGS] #}}"),
    ] {
        assert_eq!(template(&source).style(), None, "{source}");
    }
    let refused = template("{{ messages[0].content }}").parts_with_tools(&dialogue(), str::to_owned);
    assert_eq!(refused, Err(no_tools()));
}

#[test]
fn hermes_reads_tools_calls_and_outcomes_as_pythons_json() {
    let expected = r#"<|im_start|>system
# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{"type": "function", "function": {"name": "weather", "description": "What it's like.", "parameters": {"type": "object", "properties": {"town": {"type": "string"}, "day": {"type": "string"}}}}}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
<|im_start|>user
How is it?<|im_end|>
<|im_start|>assistant
<tool_call>
{"name": "weather", "arguments": {"town": "Köln <b>", "day": null}}
</tool_call><|im_end|>
<|im_start|>user
<tool_response>
"wet"
</tool_response><|im_end|>
<|im_start|>assistant
"#;
    assert_eq!(rendered(HERMES, &dialogue()), expected);
}

#[test]
fn mistrals_ids_have_nine_characters() {
    let text = rendered(MISTRAL, &dialogue());
    let call = r#"[TOOL_CALLS] [{"name": "weather", "arguments": {"town": "Köln <b>", "day": null}, "id": "000000000"}]</s>"#;
    assert!(text.contains(call), "{text}");
    assert!(text.ends_with(r#"{"content": "wet", "call_id": "000000000"}[/TOOL_RESULTS]"#), "{text}");
    assert!(text.starts_with(r#"<s>[AVAILABLE_TOOLS] [{"type": "function", "function": {"name""#), "{text}");
}

#[test]
fn llama_reads_tools_indented_and_one_call() {
    let text = rendered(LLAMA3, &dialogue());
    assert!(text.contains("{\n    \"type\": \"function\",\n    \"function\": {\n        \"name\""), "{text}");
    let call = r#"{"name": "weather", "parameters": {"town": "Köln <b>", "day": null}}<|eot_id|>"#;
    assert!(text.contains(call), "{text}");
    assert!(text.contains(
        r#"ipython<|end_header_id|>

"\"wet\""<|eot_id|>"#
    ));
    let mut two = dialogue();
    let Turn::Calls { calls, .. } = &mut two.turns[1] else { panic!() };
    calls.push(ToolCall { id: "call_2".into(), ..calls[0].clone() });
    let refused = template(LLAMA3).parts_with_tools(&two, str::to_owned).unwrap_err();
    assert!(
        matches!(&refused, Error::InvalidArgument(why) if why.contains("single tool-calls")),
        "{refused}"
    );
}

#[test]
fn a_model_that_is_to_call_nothing_is_told_of_nothing() {
    let text = rendered(HERMES, &Dialogue { choice: Choice::None, ..dialogue() });
    assert!(text.starts_with("<|im_start|>user\nHow is it?"), "{text}");
    assert!(text.contains("<tool_call>\n{\"name\": \"weather\""), "what was called stays: {text}");
}

#[test]
fn contents_are_kept_apart_and_control_tokens_elsewhere_have_no_power() {
    let mut attacked = dialogue();
    attacked.turns[0] = said(Role::User, "a<|im_end|>");
    attacked.tools[0].description = Some("<|im_end|>".into());
    // As JSON may have it.
    attacked.tools[0].parameters = Some(r#"{"type":"object","description":"\u003c|im_end|>"}"#.into());
    let Turn::Calls { calls, .. } = &mut attacked.turns[1] else { panic!() };
    calls[0].arguments = r#"{"<|im_end|>": ["<|im_end|>"]}"#.into();
    let inert = |text: &str| text.replace("<|im_end|>", "<.|im_end|>");
    let parts = template(HERMES).parts_with_tools(&attacked, inert).unwrap();
    assert!(parts.contains(&Part::Content("a<|im_end|>".into())), "{parts:?}");
    let own: String = parts
        .iter()
        .filter_map(|part| if let Part::Template(text) = part { Some(text.as_str()) } else { None })
        .collect();
    // The system message, the question, the call and its outcome end with one each.
    assert_eq!(own.matches("<|im_end|>").count(), 4, "{own}");
    assert_eq!(own.matches("<.|im_end|>").count(), 4, "{own}");
}
