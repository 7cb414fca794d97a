//! The body of a request that brings documents.

use serde_json::{Value, json};

use super::passage;
use crate::corral::host::types::Entry;
use crate::failure::Failure;
use crate::request::Input;
use crate::validate::{self, Checker, Length};

#[derive(Debug)]
pub struct Request {
    pub session: String,
    pub documents: Vec<Document>,
}

#[derive(Debug)]
pub struct Document {
    /// Not blank.
    pub text: String,
    pub id: Option<String>,
    pub metadata: Vec<Entry>,
}

const DOCUMENTS: Length = Length { least: 1, most: 100 };
const ID: Length = Length { least: 1, most: MAX_KEY };
/// Our own come on top; the store takes 128 in all.
pub const MAX_ENTRIES: usize = 64;
/// In bytes, as the store counts.
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 4096;

impl Request {
    pub fn read(input: &Input) -> Result<Self, Failure> {
        let body = validate::body(input.content_type.as_deref(), &input.body)?;
        let mut check = Checker::new();
        let request = check.within("body", |check| check.object(body.as_ref(), Self::from_body));
        check.finish(request)
    }

    fn from_body(check: &mut Checker, body: &Value) -> Option<Self> {
        let session = check.required(body, "session_id", |check, value| check.string(value, Length::ANY));
        let documents = check.required(body, "documents", |check, value| {
            let documents = check.list(value, DOCUMENTS, Document::read)?;
            let mut ids: Vec<_> = documents.iter().filter_map(|document| document.id.as_ref()).collect();
            ids.sort_unstable();
            if ids.windows(2).any(|pair| pair[0] == pair[1]) {
                return check.refuse("an id is given twice", value);
            }
            Some(documents)
        });
        Some(Self { session: session?, documents: documents? })
    }

    /// What was understood, in the shape in which the recorded answers show it.
    #[cfg(test)]
    pub fn as_understood(&self) -> Value {
        let documents = self.documents.iter().map(|document| {
            let metadata = document.metadata.iter().map(|entry| (entry.key.clone(), json!(entry.value)));
            json!({"text": document.text, "id": document.id, "metadata": Value::Object(metadata.collect())})
        });
        json!({"session_id": self.session, "documents": documents.collect::<Vec<_>>()})
    }
}

impl Document {
    /// A text alone, or an object.
    fn read(check: &mut Checker, value: &Value) -> Option<Self> {
        check.either(
            |check| {
                let text = check.within("constrained-str", |check| text(check, value))?;
                Some(Self { text, id: None, metadata: Vec::new() })
            },
            |check| check.within("Document", |check| check.object(Some(value), Self::from_object)),
        )
    }

    fn from_object(check: &mut Checker, object: &Value) -> Option<Self> {
        let text = check.required(object, "text", text);
        let id = check.optional(object, "id", id);
        let metadata = check.optional(object, "metadata", metadata);
        Some(Self { text: text?, id: id?, metadata: metadata?.unwrap_or_default() })
    }
}

fn text(check: &mut Checker, value: &Value) -> Option<String> {
    let text = check.string(value, Length::from(1))?;
    if text.trim().is_empty() {
        let message = r"String should match pattern '\S'";
        return check.report("string_pattern_mismatch", message, value, Some(json!({"pattern": r"\S"})));
    }
    Some(text)
}

fn id(check: &mut Checker, value: &Value) -> Option<String> {
    let id = check.string(value, ID)?;
    if id.len() > MAX_KEY {
        return check.refuse("the id is longer than 128 bytes", value);
    }
    // `#` separates it from a passage's number, `/` would end it in a path.
    if id.contains(|c: char| c == '#' || c == '/' || c.is_control()) {
        return check.refuse("the id has '#', '/' or a control character", value);
    }
    // Clients read these two as steps in a path, so nobody could ask for the document.
    if matches!(id.as_str(), "." | "..") {
        return check.refuse("the id is '.' or '..'", value);
    }
    Some(id)
}

fn metadata(check: &mut Checker, value: &Value) -> Option<Vec<Entry>> {
    let entries: Vec<_> = check
        .dictionary(value, MAX_ENTRIES, scalar)?
        .into_iter()
        .map(|(key, value)| Entry { key, value })
        .collect();
    if entries.iter().any(|entry| passage::RESERVED.contains(&entry.key.as_str())) {
        let reason = format!("a key is reserved: {}", passage::RESERVED.join(", "));
        return check.refuse(&reason, value);
    }
    if entries.iter().any(|entry| entry.key.is_empty() || entry.key.len() > MAX_KEY) {
        return check.refuse("a key is empty or longer than 128 bytes", value);
    }
    if entries.iter().any(|entry| entry.value.len() > MAX_VALUE) {
        return check.refuse("a value is longer than 4096 bytes", value);
    }
    Some(entries)
}

/// A text, or the JSON text of a number or a truth value.
fn scalar(check: &mut Checker, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            for (step, kind, message) in [
                ("str", "string_type", "Input should be a valid string"),
                ("int", "int_type", "Input should be a valid integer"),
                ("float", "float_type", "Input should be a valid number"),
                ("bool", "bool_type", "Input should be a valid boolean"),
            ] {
                check.within(step, |check| check.report::<()>(kind, message, value, None));
            }
            None
        }
    }
}
