//! Which session a request is a turn of, if it is one.

use crate::openai::Mistake;
use crate::openai::field::{Field, Object};
use crate::request::Input;

/// The member of `metadata`, and the header.
const MEMBER: &str = "session_id";
const HEADER: &str = "x-session-id";

/// Bounds of OpenAI's.
const ENTRIES: usize = 16;
const KEY: usize = 64;
const VALUE: usize = 512;
/// Of the contract's: a turn's id.
const TURN: usize = 128;

/// The session's id, from the body or the header.
pub fn read(body: &Object, input: &Input) -> Result<Option<String>, Mistake> {
    let named = body.read("metadata", metadata)?.flatten();
    match (named, input.session.as_deref()) {
        (Some(named), Some(header)) if named != header => {
            let message = format!("'metadata.{MEMBER}' and the header '{HEADER}' name two sessions.");
            Err(Mistake::out_of_place("metadata", &message))
        }
        (named, header) => Ok(named.or_else(|| header.map(str::to_owned))),
    }
}

/// The client's own name for the turn.
pub fn turn_id(input: &Input) -> Result<Option<String>, Mistake> {
    let Some(key) = &input.idempotency_key else { return Ok(None) };
    if key.is_empty() || key.len() > TURN {
        let message = format!("The header 'idempotency-key' has to have 1 to {TURN} bytes.");
        return Err(Mistake::out_of_place("idempotency-key", &message));
    }
    Ok(Some(key.clone()))
}

/// Only the session's id is used of it.
fn metadata(field: Field) -> Result<Option<String>, Mistake> {
    let entries = field.object()?;
    if entries.members().count() > ENTRIES {
        let what = format!("too many properties. Expected an object with at most {ENTRIES} properties");
        return Err(field.invalid("object_above_max_properties", &what));
    }
    for (key, value) in entries.members() {
        if key.chars().count() > KEY {
            let what = format!("the key is longer than {KEY} characters");
            return Err(value.invalid("string_above_max_length", &what));
        }
        // Characters are what OpenAI counts; four bytes are the most that one has.
        let text = value.text(0..=4 * VALUE)?;
        if text.chars().count() > VALUE {
            let what = format!("string too long. Expected a string with maximum length {VALUE}");
            return Err(value.invalid("string_above_max_length", &what));
        }
    }
    Ok(entries.get(MEMBER).and_then(|field| field.value.as_str()).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn session(body: &Value, header: Option<&str>) -> Result<Option<String>, Mistake> {
        let input = Input { session: header.map(str::to_owned), ..Input::default() };
        read(&Field::body(body).object()?, &input)
    }

    #[test]
    fn a_session_is_named_in_metadata_or_in_a_header() {
        let named = json!({"metadata": {"session_id": "a", "topic": "herons"}});
        let unnamed = json!({"metadata": {"topic": "herons"}});
        for (body, header, expected) in [
            (&named, None, Some("a")),
            (&named, Some("a"), Some("a")),
            (&unnamed, Some("b"), Some("b")),
            (&unnamed, None, None),
            (&json!({"metadata": null}), None, None),
            (&json!({}), None, None),
        ] {
            assert_eq!(session(body, header).unwrap().as_deref(), expected);
        }
        let two = session(&named, Some("b")).unwrap_err();
        assert_eq!((two.param.as_deref(), two.code), (Some("metadata"), None));
    }

    #[test]
    fn metadata_has_openais_bounds() {
        let many: Value =
            (0..17).map(|key| (key.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into();
        for (metadata, param, code) in [
            (json!("x"), "metadata", "invalid_type"),
            (json!({"session_id": 1}), "metadata.session_id", "invalid_type"),
            (json!({"a": "é".repeat(513)}), "metadata.a", "string_above_max_length"),
            (json!({"a": "é".repeat(5000)}), "metadata.a", "string_above_max_length"),
            (many, "metadata", "object_above_max_properties"),
        ] {
            let mistake = session(&json!({"metadata": metadata}), None).unwrap_err();
            assert_eq!((mistake.param.as_deref(), mistake.code), (Some(param), Some(code)));
        }
        assert!(session(&json!({"metadata": {"a".repeat(65): "x"}}), None).is_err());
        assert!(session(&json!({"metadata": {"a": "é".repeat(512)}}), None).is_ok());
    }

    #[test]
    fn a_turn_is_named_by_its_idempotency_key() {
        let named = |key: &str| turn_id(&Input { idempotency_key: Some(key.to_owned()), ..Input::default() });
        assert_eq!(named("turn-1").unwrap().as_deref(), Some("turn-1"));
        assert_eq!(turn_id(&Input::default()), Ok(None));
        for wrong in [String::new(), "x".repeat(129)] {
            assert_eq!(named(&wrong).unwrap_err().param.as_deref(), Some("idempotency-key"));
        }
    }
}
