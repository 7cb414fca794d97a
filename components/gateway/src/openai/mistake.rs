//! What is wrong with a request, in OpenAI's words: they are what programs and their authors look for.

use serde_json::Value;

#[derive(Debug, PartialEq)]
pub struct Mistake {
    pub message: String,
    /// The parameter, such as `messages[0].role`.
    pub param: Option<String>,
    pub code: Option<&'static str>,
}

/// Of what a client wrote, so much is quoted to it.
const QUOTED: usize = 64;

impl Mistake {
    pub fn missing(place: &str) -> Self {
        Self::at(place, "missing_required_parameter", format!("Missing required parameter: '{place}'."))
    }

    pub fn unknown(place: &str) -> Self {
        Self::at(place, "unknown_parameter", format!("Unknown parameter: '{place}'."))
    }

    /// A parameter that exists at OpenAI, and the reason why it does not here.
    pub fn unsupported(place: &str, reason: &str) -> Self {
        let message = format!("Unsupported parameter: '{place}' is not supported here. {reason}");
        Self::at(place, "unsupported_parameter", message)
    }

    /// A value that the parameter may have at OpenAI, and what it may be here.
    pub fn unsupported_value(place: &str, value: &Value, supported: &str) -> Self {
        let message =
            format!("Unsupported value: '{place}' does not support {} here. {supported}", quoted(value));
        Self::at(place, "unsupported_value", message)
    }

    /// A value that the parameter has nowhere.
    pub fn no_choice(place: &str, value: &Value, supported: &str) -> Self {
        let message = format!("Invalid value: {}. Supported values are: {supported}.", quoted(value));
        Self::at(place, "invalid_value", message)
    }

    pub fn wrong_type(place: &str, expected: &str, value: &Value) -> Self {
        let place_or_body = if place.is_empty() { "the body".to_owned() } else { format!("'{place}'") };
        let message = format!(
            "Invalid type for {place_or_body}: expected {expected}, but got {} instead.",
            kind(value)
        );
        Self::at(place, "invalid_type", message)
    }

    /// A value of the right type that is out of its form. `what` ends without a full stop.
    pub fn invalid(place: &str, code: &'static str, what: &str) -> Self {
        Self::at(place, code, format!("Invalid '{place}': {what}."))
    }

    /// A parameter that makes no sense beside the others.
    pub fn out_of_place(place: &str, message: &str) -> Self {
        Self { message: message.to_owned(), param: Some(place.to_owned()), code: None }
    }

    /// More tokens than the model has room for.
    pub fn too_long(place: &str, need: u32, have: u32) -> Self {
        let message = format!(
            "This model's maximum context length leaves room for {have} prompt tokens. However, your {place} \
             resulted in {need} tokens. Please reduce the length of the {place}."
        );
        Self::at(place, "context_length_exceeded", message)
    }

    pub fn of_json(position: usize, message: &str) -> Self {
        let message =
            format!("We could not parse the JSON body of your request: {message} at character {position}.");
        Self { message, param: None, code: None }
    }

    pub fn untyped() -> Self {
        let message = "Requests of a browser need the header 'content-type: application/json'.".to_owned();
        Self { message, param: None, code: Some("unsupported_content_type") }
    }

    fn at(place: &str, code: &'static str, message: String) -> Self {
        let param = (!place.is_empty()).then(|| place.to_owned());
        Self { message, param, code: Some(code) }
    }
}

/// The beginning of a text that a client chose, long enough to be recognised.
pub fn excerpt(text: &str) -> &str {
    text.char_indices().nth(QUOTED).map_or(text, |(end, _)| &text[..end])
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", excerpt(text)),
        other => excerpt(&other.to_string()).to_owned(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mistake_reads_as_at_openai() {
        for (mistake, param, code, message) in [
            (
                Mistake::wrong_type("max_tokens", "an integer", &json!("5")),
                Some("max_tokens"),
                "invalid_type",
                "Invalid type for 'max_tokens': expected an integer, but got a string instead.",
            ),
            (
                Mistake::wrong_type("", "an object", &json!([])),
                None,
                "invalid_type",
                "Invalid type for the body: expected an object, but got an array instead.",
            ),
            (
                Mistake::missing("messages[0].role"),
                Some("messages[0].role"),
                "missing_required_parameter",
                "Missing required parameter: 'messages[0].role'.",
            ),
            (
                Mistake::no_choice("encoding_format", &json!("hex"), "'float' and 'base64'"),
                Some("encoding_format"),
                "invalid_value",
                "Invalid value: 'hex'. Supported values are: 'float' and 'base64'.",
            ),
        ] {
            assert_eq!((mistake.param.as_deref(), mistake.code), (param, Some(code)));
            assert_eq!(mistake.message, message);
        }
    }

    #[test]
    fn a_client_reads_only_the_beginning_of_what_it_wrote() {
        let long = "é".repeat(5000);
        for mistake in [
            Mistake::no_choice("x", &json!(long), "none"),
            Mistake::unsupported_value("x", &json!([long]), ""),
        ] {
            assert!(mistake.message.chars().count() < 150, "{}", mistake.message);
        }
    }
}
