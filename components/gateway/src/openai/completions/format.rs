//! What the answer has to look like: `response_format`, or a grammar of llama.cpp's.

use crate::corral::host::inference::Constraint;
use crate::json::member;
use crate::openai::Mistake;
use crate::openai::field::{Field, Object};

/// What is read here.
pub const NAMES: &[&str] = &["response_format", "grammar"];

/// Bounds of OpenAI's.
const NAME: usize = 64;
const PATTERN: &str = "^[a-zA-Z0-9_-]+$";

/// JSON mode.
const ANY_OBJECT: &str = r#"{"type":"object"}"#;

/// `text` is the body's own: the model writes members in the order in which the schema has them.
pub fn read(body: &Object, text: &str) -> Result<Option<Constraint>, Mistake> {
    let format = body.read("response_format", |field| response_format(&field, text))?.flatten();
    let grammar = body.read("grammar", |field| field.text(1..=usize::MAX))?;
    match (format, grammar) {
        (Some(_), Some(_)) => {
            let message = "'grammar' and 'response_format' both say what the answer looks like: send one.";
            Err(Mistake::out_of_place("grammar", message))
        }
        (None, Some(grammar)) => Ok(Some(Constraint::Grammar(grammar.to_owned()))),
        (format, None) => Ok(format),
    }
}

fn response_format(field: &Field, text: &str) -> Result<Option<Constraint>, Mistake> {
    let format = field.object()?;
    let supported = "'text', 'json_object' and 'json_schema'";
    match format.required("type")?.choice(&["text", "json_object", "json_schema"], supported)? {
        "json_schema" => {
            format.only(&["type", "json_schema"])?;
            json_schema(&format.required("json_schema")?, text).map(Some)
        }
        kind => {
            format.only(&["type"])?;
            Ok((kind == "json_object").then(|| Constraint::JsonSchema(ANY_OBJECT.to_owned())))
        }
    }
}

/// Every schema is kept to as far as a grammar can, `strict` or not.
fn json_schema(field: &Field, text: &str) -> Result<Constraint, Mistake> {
    let format = field.object()?;
    format.only(&["name", "description", "schema", "strict"])?;
    let name = format.required("name")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.text(1..=NAME)?.bytes().all(is_plain) {
        let what =
            format!("string does not match pattern. Expected a string that matches the pattern '{PATTERN}'");
        return Err(name.invalid("invalid_value", &what));
    }
    format.read("description", |field| field.text(0..=usize::MAX))?;
    format.read("strict", |field| field.boolean())?;
    let schema = format.required("schema")?;
    schema.object()?;
    let written = member::text(text, &["response_format", "json_schema", "schema"]);
    Ok(Constraint::JsonSchema(written.map_or_else(|| schema.value.to_string(), str::to_owned)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn understood(text: &str) -> Result<Option<Constraint>, Mistake> {
        let body: Value = serde_json::from_str(text).unwrap();
        read(&Field::body(&body).object()?, text)
    }

    #[test]
    fn a_schema_is_handed_on_as_it_was_written_with_its_order() {
        let schema =
            r#"{"type": "object", "properties": {"why": {"type": "string"}, "answer": {"type": "string"}}}"#;
        let format = format!(r#"{{"name": "a-B_1", "strict": true, "schema": {schema}}}"#);
        let text = format!(r#"{{"response_format": {{"type": "json_schema", "json_schema": {format}}}}}"#);
        let Ok(Some(Constraint::JsonSchema(given))) = understood(&text) else { panic!("no schema") };
        assert_eq!(given, schema);
    }

    #[test]
    fn json_mode_asks_for_an_object_and_text_for_nothing() {
        let json = understood(r#"{"response_format": {"type": "json_object"}}"#);
        assert!(matches!(json, Ok(Some(Constraint::JsonSchema(schema))) if schema == ANY_OBJECT));
        assert!(matches!(understood(r#"{"response_format": {"type": "text"}}"#), Ok(None)));
        assert!(matches!(understood(r#"{"response_format": null}"#), Ok(None)));
    }

    #[test]
    fn a_grammar_is_handed_on() {
        let grammar =
            understood(r#"{"grammar": "root ::= \"yes\" | \"no\"", "response_format": {"type": "text"}}"#);
        assert!(
            matches!(grammar, Ok(Some(Constraint::Grammar(grammar))) if grammar == "root ::= \"yes\" | \"no\"")
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let schema =
            |schema: Value| json!({"response_format": {"type": "json_schema", "json_schema": schema}});
        for (body, param, code) in [
            (json!({"response_format": "json"}), "response_format", Some("invalid_type")),
            (json!({"response_format": {}}), "response_format.type", Some("missing_required_parameter")),
            (json!({"response_format": {"type": "xml"}}), "response_format.type", Some("invalid_value")),
            (
                json!({"response_format": {"type": "json_object", "schema": {}}}),
                "response_format.schema",
                Some("unknown_parameter"),
            ),
            (
                json!({"response_format": {"type": "json_schema"}}),
                "response_format.json_schema",
                Some("missing_required_parameter"),
            ),
            (
                schema(json!({"schema": {}})),
                "response_format.json_schema.name",
                Some("missing_required_parameter"),
            ),
            (
                schema(json!({"name": "a b", "schema": {}})),
                "response_format.json_schema.name",
                Some("invalid_value"),
            ),
            (
                schema(json!({"name": "a".repeat(65), "schema": {}})),
                "response_format.json_schema.name",
                Some("string_above_max_length"),
            ),
            (
                schema(json!({"name": "a"})),
                "response_format.json_schema.schema",
                Some("missing_required_parameter"),
            ),
            (
                schema(json!({"name": "a", "schema": true})),
                "response_format.json_schema.schema",
                Some("invalid_type"),
            ),
            (
                schema(json!({"name": "a", "schema": {}, "strict": "yes"})),
                "response_format.json_schema.strict",
                Some("invalid_type"),
            ),
            (json!({"grammar": ""}), "grammar", Some("empty_string")),
            (json!({"grammar": "x", "response_format": {"type": "json_object"}}), "grammar", None),
        ] {
            let mistake = understood(&body.to_string()).unwrap_err();
            assert_eq!((mistake.param.as_deref(), mistake.code), (Some(param), code), "{body}");
        }
    }
}
