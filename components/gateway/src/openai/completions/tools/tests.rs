//! Tools as clients send them.

use serde_json::{Value, json};

use super::*;

fn understood(text: &str) -> Result<Toolbox, Mistake> {
    let body: Value = serde_json::from_str(text).unwrap();
    read(&Field::body(&body).object()?, text)
}

fn function(function: Value) -> Value {
    json!({"tools": [{"type": "function", "function": function}]})
}

fn choosing(choice: Value) -> Value {
    let mut body = function(json!({"name": "f"}));
    body["tool_choice"] = choice;
    body
}

#[test]
fn tools_are_read_with_their_schemas_as_they_were_written() {
    let schema = r#"{"type": "object", "properties": {"town": {}, "day": {}}}"#;
    let text = format!(
        r#"{{"tools": [{{"type": "function", "function": {{"name": "a-B_1"}}}}, {{"type": "function", "function":
           {{"name": "g", "description": "Does.", "parameters": {schema}, "strict": true}}}}]}}"#
    );
    let Toolbox { tools, choice, parallel } = understood(&text).unwrap();
    assert!(matches!(choice, ToolChoice::Auto) && parallel);
    let [one, two] = &tools[..] else { panic!("{tools:?}") };
    assert_eq!(
        (one.name.as_str(), &one.description, &one.parameters, one.strict),
        ("a-B_1", &None, &None, false)
    );
    assert_eq!((two.parameters.as_deref(), two.strict), (Some(schema), true));
}

#[test]
fn what_is_left_out_is_nothing_or_the_models_choice() {
    for (body, offers) in [
        (json!({}), false),
        (json!({"tools": null, "tool_choice": null, "parallel_tool_calls": null}), false),
        (json!({"tools": [], "tool_choice": "auto", "parallel_tool_calls": true}), false),
        (json!({"tool_choice": "none", "parallel_tool_calls": false}), false),
        (function(json!({"name": "f", "description": null, "parameters": null, "strict": null})), true),
        (choosing(json!("none")), false),
        (choosing(json!("required")), true),
    ] {
        assert_eq!(are_offered(&understood(&body.to_string()).unwrap()), offers, "{body}");
    }
    let named = understood(&choosing(json!({"type": "function", "function": {"name": "f"}})).to_string());
    assert!(matches!(named.unwrap().choice, ToolChoice::Named(name) if name == "f"));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let many = |count: u32| {
        let tool = |number| json!({"type": "function", "function": {"name": format!("f{number}")}});
        json!({"tools": (0..count).map(tool).collect::<Vec<_>>()})
    };
    assert!(understood(&many(128).to_string()).is_ok());
    let twice = json!({"type": "function", "function": {"name": "f"}});
    for (body, place, code) in [
        (json!({"tools": {}}), "tools", Some("invalid_type")),
        (many(129), "tools", Some("array_above_max_length")),
        (json!({"tools": [1]}), "tools[0]", Some("invalid_type")),
        (json!({"tools": [{}]}), "tools[0].type", Some("missing_required_parameter")),
        (json!({"tools": [{"type": "custom"}]}), "tools[0].type", Some("unsupported_value")),
        (json!({"tools": [{"type": "search"}]}), "tools[0].type", Some("invalid_value")),
        (json!({"tools": [{"type": "function"}]}), "tools[0].function", Some("missing_required_parameter")),
        (json!({"tools": [{"type": "function", "name": "f"}]}), "tools[0].name", Some("unknown_parameter")),
        (function(json!({})), "tools[0].function.name", Some("missing_required_parameter")),
        (function(json!({"name": 1})), "tools[0].function.name", Some("invalid_type")),
        (function(json!({"name": ""})), "tools[0].function.name", Some("empty_string")),
        (function(json!({"name": "a b"})), "tools[0].function.name", Some("invalid_value")),
        (
            function(json!({"name": "a".repeat(65)})),
            "tools[0].function.name",
            Some("string_above_max_length"),
        ),
        (
            function(json!({"name": "f", "description": 1})),
            "tools[0].function.description",
            Some("invalid_type"),
        ),
        (function(json!({"name": "f", "strict": "yes"})), "tools[0].function.strict", Some("invalid_type")),
        (
            function(json!({"name": "f", "parameters": "{}"})),
            "tools[0].function.parameters",
            Some("invalid_type"),
        ),
        (
            function(json!({"name": "f", "parameters": {"type": "string"}})),
            "tools[0].function.parameters.type",
            Some("invalid_function_parameters"),
        ),
        (
            function(json!({"name": "f", "returns": {}})),
            "tools[0].function.returns",
            Some("unknown_parameter"),
        ),
        (json!({"tools": [twice, twice]}), "tools[1].function.name", Some("invalid_value")),
        (choosing(json!("some")), "tool_choice", Some("invalid_value")),
        (choosing(json!(1)), "tool_choice", Some("invalid_type")),
        (choosing(json!({})), "tool_choice.type", Some("missing_required_parameter")),
        (choosing(json!({"type": "allowed_tools"})), "tool_choice.type", Some("unsupported_value")),
        (choosing(json!({"type": "function"})), "tool_choice.function", Some("missing_required_parameter")),
        (
            choosing(json!({"type": "function", "function": {"name": "g"}})),
            "tool_choice.function.name",
            Some("invalid_value"),
        ),
        (json!({"tool_choice": "required"}), "tool_choice", None),
        (json!({"parallel_tool_calls": "no"}), "parallel_tool_calls", Some("invalid_type")),
    ] {
        let mistake = understood(&body.to_string()).map(drop).unwrap_err();
        assert_eq!((mistake.param.as_deref(), mistake.code), (Some(place), code), "{body}");
    }
}
