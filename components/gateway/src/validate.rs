//! Checks values as pydantic does, and collects what is wrong in its words, all of it in order.
//!
//! Not here: which fields there are (each `request` module), how JSON is read (`json.rs`).

mod number;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::json::{self, Flaw};
pub use number::{Least, Range};

/// One thing that is wrong with a request.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    loc: Vec<Step>,
    msg: Cow<'static, str>,
    input: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    ctx: Option<Value>,
}

/// One step on the way to a value.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Step {
    Name(Cow<'static, str>),
    Index(usize),
}

/// How long a string (in characters) or a list may be.
#[derive(Clone, Copy)]
pub struct Length {
    pub least: usize,
    pub most: usize,
}

/// Where the check stands, and what it found.
#[derive(Default)]
pub struct Checker {
    place: Vec<Step>,
    problems: Vec<Problem>,
}

impl Length {
    pub const ANY: Self = Self::from(0);

    pub const fn from(least: usize) -> Self {
        Self { least, most: usize::MAX }
    }

    pub const fn up_to(most: usize) -> Self {
        Self { least: 0, most }
    }
}

impl Problem {
    /// A problem that was found later, by something that knows nothing of HTTP.
    pub fn of_body(reason: &str) -> Self {
        Self::of_value(vec![Step::from("body")], reason, Value::Null)
    }

    fn of_value(loc: Vec<Step>, reason: &str, input: Value) -> Self {
        let msg = format!("Value error, {reason}").into();
        Self { kind: "value_error", loc, msg, input, ctx: Some(json!({"error": {}})) }
    }

    fn of_json(position: usize, message: &str) -> Self {
        Self {
            kind: "json_invalid",
            loc: vec![Step::from("body"), Step::Index(position)],
            msg: "JSON decode error".into(),
            input: json!({}),
            ctx: Some(json!({"error": message})),
        }
    }
}

impl From<&'static str> for Step {
    fn from(name: &'static str) -> Self {
        Self::Name(Cow::Borrowed(name))
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// The value that a body stands for. None if there is no body; the text itself if the content type
/// is not JSON's.
pub fn body(content_type: Option<&str>, bytes: &[u8]) -> Result<Option<Value>, Failure> {
    if bytes.is_empty() {
        return Ok(None);
    }
    if !content_type.is_some_and(is_json) {
        return Ok(Some(Value::String(String::from_utf8_lossy(bytes).into_owned())));
    }
    match json::parse(bytes) {
        Ok(value) => Ok(Some(value)),
        Err(Flaw::At { position, message }) => {
            Err(Failure::Invalid(vec![Problem::of_json(position, message)]))
        }
        Err(Flaw::Unreadable) => Err(Failure::Unreadable),
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    (subtype == "json" || subtype.ends_with("+json")) && !subtype.contains('/')
}

impl Checker {
    pub fn new() -> Self {
        Self::default()
    }

    /// The value, if nothing was wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Failure> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Failure::Invalid(self.problems)),
        }
    }

    /// Goes one step further for as long as `check` runs.
    pub fn within<T>(&mut self, step: impl Into<Step>, check: impl FnOnce(&mut Self) -> T) -> T {
        self.place.push(step.into());
        let value = check(self);
        self.place.pop();
        value
    }

    pub fn missing<T>(&mut self, input: &Value) -> Option<T> {
        self.report("missing", "Field required", input, None)
    }

    /// Says that the value is wrong for a reason of our own, which no type tells.
    pub fn refuse<T>(&mut self, reason: &str, input: &Value) -> Option<T> {
        self.problems.push(Problem::of_value(self.place.clone(), reason, input.clone()));
        None
    }

    /// What either of two readings gives. If both fail, both say why.
    pub fn either<T>(
        &mut self,
        first: impl FnOnce(&mut Self) -> Option<T>,
        second: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let known = self.problems.len();
        let value = first(self).or_else(|| second(self))?;
        self.problems.truncate(known);
        Some(value)
    }

    /// A body or a member that has to be an object; none stands for a missing body.
    pub fn object<T>(
        &mut self,
        value: Option<&Value>,
        read: impl FnOnce(&mut Self, &Value) -> Option<T>,
    ) -> Option<T> {
        match value {
            Some(object) if object.is_object() => read(self, object),
            Some(other) => {
                let message = "Input should be a valid dictionary or object to extract fields from";
                self.report("model_attributes_type", message, other, None)
            }
            None => self.missing(&Value::Null),
        }
    }

    pub fn required<T>(
        &mut self,
        object: &Value,
        name: &'static str,
        read: impl FnOnce(&mut Self, &Value) -> Option<T>,
    ) -> Option<T> {
        self.within(name, |check| match object.get(name) {
            Some(value) => read(check, value),
            None => check.missing(object),
        })
    }

    /// None if the field is wrong; some none if it is not there or null.
    pub fn optional<T>(
        &mut self,
        object: &Value,
        name: &'static str,
        read: impl FnOnce(&mut Self, &Value) -> Option<T>,
    ) -> Option<Option<T>> {
        match object.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.within(name, |check| read(check, value)).map(Some),
        }
    }

    pub fn string(&mut self, value: &Value, length: Length) -> Option<String> {
        let Value::String(text) = value else {
            return self.report("string_type", "Input should be a valid string", value, None);
        };
        // A character has at most four bytes: most texts need not be counted.
        if text.len() < length.least.saturating_mul(4) && text.chars().count() < length.least {
            let least = length.least;
            let message = format!("String should have at least {least} character{}", plural(least));
            return self.report("string_too_short", message, value, Some(json!({"min_length": least})));
        }
        if text.len() > length.most && text.chars().count() > length.most {
            let most = length.most;
            let message = format!("String should have at most {most} character{}", plural(most));
            return self.report("string_too_long", message, value, Some(json!({"max_length": most})));
        }
        Some(text.clone())
    }

    /// One of `names`, which `expected` lists for people.
    pub fn literal(&mut self, value: &Value, names: &[&'static str], expected: &str) -> Option<&'static str> {
        let found = names.iter().find(|name| value.as_str() == Some(**name)).copied();
        found.or_else(|| {
            let message = format!("Input should be {expected}");
            self.report("literal_error", message, value, Some(json!({"expected": expected})))
        })
    }

    /// Each item is read, unless there are too many of them.
    pub fn list<T>(
        &mut self,
        value: &Value,
        length: Length,
        mut read: impl FnMut(&mut Self, &Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = value else {
            return self.report("list_type", "Input should be a valid list", value, None);
        };
        if items.len() > length.most {
            return self.too_long("List", length.most, Some(items.len()), value);
        }
        let known = self.problems.len();
        let read: Vec<_> = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| self.within(index, |check| read(check, item)))
            .collect();
        if self.problems.len() > known {
            return None;
        }
        if items.len() < length.least {
            return self.too_short("List", length.least, items.len(), value);
        }
        Some(read)
    }

    /// Each member is read, unless there are too many of them.
    pub fn dictionary<T>(
        &mut self,
        value: &Value,
        most: usize,
        mut read: impl FnMut(&mut Self, &Value) -> Option<T>,
    ) -> Option<Vec<(String, T)>> {
        let Value::Object(members) = value else {
            return self.report("dict_type", "Input should be a valid dictionary", value, None);
        };
        if members.len() > most {
            return self.too_long("Dictionary", most, None, value);
        }
        let known = self.problems.len();
        let mut entries = Vec::with_capacity(members.len());
        for (key, member) in members {
            let value = self.within(Step::Name(Cow::Owned(key.clone())), |check| read(check, member));
            entries.extend(value.map(|value| (key.clone(), value)));
        }
        (self.problems.len() == known).then_some(entries)
    }

    /// Says that the value is wrong. Gives none, for whoever asked for it.
    pub fn report<T>(
        &mut self,
        kind: &'static str,
        msg: impl Into<Cow<'static, str>>,
        input: &Value,
        ctx: Option<Value>,
    ) -> Option<T> {
        let loc = self.place.clone();
        self.problems.push(Problem { kind, loc, msg: msg.into(), input: input.clone(), ctx });
        None
    }

    fn too_long<T>(&mut self, what: &str, most: usize, actual: Option<usize>, value: &Value) -> Option<T> {
        let found = actual.map_or_else(|| "more".to_owned(), |actual| actual.to_string());
        let message =
            format!("{what} should have at most {most} item{} after validation, not {found}", plural(most));
        let ctx = json!({"field_type": what, "max_length": most, "actual_length": actual});
        self.report("too_long", message, value, Some(ctx))
    }

    fn too_short<T>(&mut self, what: &str, least: usize, actual: usize, value: &Value) -> Option<T> {
        let message = format!(
            "{what} should have at least {least} item{} after validation, not {actual}",
            plural(least)
        );
        let ctx = json!({"field_type": what, "min_length": least, "actual_length": actual});
        self.report("too_short", message, value, Some(ctx))
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
