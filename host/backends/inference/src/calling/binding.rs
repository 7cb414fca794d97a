//! What binds calls to their form: a grammar made of the tools' schemas, within the format's markers.

use llama_cpp_2::json_schema_to_grammar;
use serde_json::Value;

use super::Style;
use crate::{
    Error,
    tools::{Choice, Dialogue, Tool},
};

/// The rule of one call: as the converter names it, and here.
const CONVERTED: &str = "root ::= ";
const ONE: &str = "one-call ::= ";

const ANY_ARGUMENTS: &str = r#"{"type":"object"}"#;
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{},"additionalProperties":false}"#;

/// A grammar to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    style: Style,
    /// The JSON schema of one call.
    pub schema: String,
    several: bool,
    /// Nothing is bound before this text; none binds from the beginning.
    pub trigger: Option<&'static str>,
}

impl Binding {
    /// None where the answer is free.
    pub fn of(style: Style, dialogue: &Dialogue) -> Option<Self> {
        let (bound, trigger) = match (&dialogue.choice, style) {
            (Choice::Required, _) => (dialogue.tools.iter().collect(), None),
            (Choice::Named(name), _) => {
                (dialogue.tools.iter().filter(|tool| tool.name == *name).collect(), None)
            }
            // A call of Llama's may begin as any JSON does: there is no text after which it has to be one.
            (Choice::Auto, Style::Hermes | Style::Mistral)
                if dialogue.tools.iter().any(|tool| tool.strict) =>
            {
                (dialogue.tools.iter().collect::<Vec<_>>(), Some(style.marker()))
            }
            (Choice::Auto | Choice::None, _) => return None,
        };
        let is_free = |tool: &Tool| trigger.is_some() && !tool.strict;
        let schema = schema(style, &bound, is_free);
        Some(Self { style, schema, several: dialogue.parallel, trigger })
    }

    /// The grammar in llama.cpp's GBNF. `schema` was checked to be JSON.
    pub fn grammar(&self) -> Result<String, Error> {
        let converted = json_schema_to_grammar(&self.schema).map_err(|error| {
            Error::InvalidArgument(format!("the parameters of the tools cannot be made a grammar: {error}"))
        })?;
        let mut grammar = String::new();
        for line in converted.lines() {
            match line.strip_prefix(CONVERTED) {
                Some(rule) => grammar.extend([ONE, rule, "\n"]),
                None => grammar.extend([line, "\n"]),
            }
        }
        grammar.push_str(self.root());
        Ok(grammar)
    }

    fn root(&self) -> &'static str {
        match (self.style, self.several) {
            (Style::Hermes, false) => concat!(
                "root ::= hermes-call\n",
                r#"hermes-call ::= "<tool_call>" "\n"? one-call "\n"? "</tool_call>""#
            ),
            (Style::Hermes, true) => concat!(
                "root ::= hermes-call (\"\\n\"? hermes-call)*\n",
                r#"hermes-call ::= "<tool_call>" "\n"? one-call "\n"? "</tool_call>""#
            ),
            (Style::Mistral, false) => r#"root ::= "[TOOL_CALLS]" " "? "[" one-call "]""#,
            (Style::Mistral, true) => r#"root ::= "[TOOL_CALLS]" " "? "[" one-call ("," " "? one-call)* "]""#,
            (Style::Llama3, _) => "root ::= one-call",
        }
    }
}

/// One of the tools, each under `$defs`, so that what refers to itself still does.
fn schema(style: Style, tools: &[&Tool], is_free: impl Fn(&Tool) -> bool) -> String {
    let (mut calls, mut definitions) = (Vec::new(), Vec::new());
    let arguments = style.arguments();
    for (index, tool) in tools.iter().enumerate() {
        let place = format!("/$defs/tool{index}");
        let name = Value::from(tool.name.as_str());
        calls.push(format!(
            r##"{{"type":"object","properties":{{"name":{{"const":{name}}},"{arguments}":{{"$ref":"#{place}"}}}},"required":["name","{arguments}"],"additionalProperties":false}}"##
        ));
        let parameters = match &tool.parameters {
            _ if is_free(tool) => ANY_ARGUMENTS.to_owned(),
            None => NO_ARGUMENTS.to_owned(),
            Some(parameters) => object(&rebased(parameters, &place)),
        };
        definitions.push(format!(r#""tool{index}":{parameters}"#));
    }
    format!(r#"{{"anyOf":[{}],"$defs":{{{}}}}}"#, calls.join(","), definitions.join(","))
}

/// A schema that says nothing would allow what is no object.
fn object(schema: &str) -> String {
    match serde_json::from_str(schema) {
        Ok(Value::Object(members)) if members.is_empty() => ANY_ARGUMENTS.to_owned(),
        _ => schema.to_owned(),
    }
}

/// The schema's references to itself, now that it is at `place` of another. As text, so that its members stay in their
/// order.
fn rebased(schema: &str, place: &str) -> String {
    const REFERENCE: &str = "\"$ref\"";
    let mut text = String::with_capacity(schema.len());
    let mut rest = schema;
    while let Some(at) = rest.find(REFERENCE) {
        let (before, after) = rest.split_at(at + REFERENCE.len());
        text.push_str(before);
        rest = after;
        let value = after.trim_start().strip_prefix(':').map(str::trim_start);
        if let Some(target) = value.and_then(|value| value.strip_prefix("\"#")) {
            text.push_str(":\"#");
            text.push_str(place);
            rest = target;
        }
    }
    text + rest
}

#[cfg(test)]
mod tests;
