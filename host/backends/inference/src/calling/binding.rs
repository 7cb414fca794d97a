//! What binds calls to their form: a grammar made of the tools' schemas, within the format's markers, and of the answer's
//! where it has one too.

use serde_json::Value;

use super::Style;
use crate::{
    Error,
    sampling::schema,
    tools::{Choice, Dialogue, Tool},
};

/// The rule of one call: as the converter names it, and here.
const CONVERTED: &str = "root ::= ";
const ONE: &str = "one-call ::= ";
const ANSWER: &str = "the-answer ::= ";

const HERMES_CALL: &str =
    concat!("\n", r#"hermes-call ::= "<tool_call>" "\n"? one-call "\n"? "</tool_call>""#);

const ANY_ARGUMENTS: &str = r#"{"type":"object"}"#;
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{},"additionalProperties":false}"#;

/// A grammar to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    style: Style,
    /// The JSON schema of one call, or of either that or the answer.
    pub schema: String,
    several: bool,
    /// Whether there may be an answer in place of calls.
    answers: bool,
    /// Nothing is bound before this text; none binds from the beginning.
    pub trigger: Option<&'static str>,
}

impl Binding {
    /// What binds an answer, which has to be as the schema `answer` says where it calls nothing. None where it is free.
    pub fn of(style: Style, dialogue: &Dialogue, answer: Option<&str>) -> Option<Self> {
        let (bound, trigger) = match (&dialogue.choice, style) {
            (Choice::Required, _) => (dialogue.tools.iter().collect(), None),
            (Choice::Named(name), _) => {
                (dialogue.tools.iter().filter(|tool| tool.name == *name).collect(), None)
            }
            (Choice::Auto, _) if answer.is_some() => (dialogue.tools.iter().collect(), None),
            // A call of Llama's may begin as any JSON does: there is no text after which it has to be one.
            (Choice::Auto, Style::Hermes | Style::Mistral)
                if dialogue.tools.iter().any(|tool| tool.strict) =>
            {
                (dialogue.tools.iter().collect::<Vec<_>>(), Some(style.marker()))
            }
            (Choice::Auto | Choice::None, _) => return None,
        };
        let free = dialogue.choice == Choice::Auto;
        let answer = answer.filter(|_| free);
        let schema = schema(style, &bound, |tool| free && !tool.strict, answer);
        Some(Self { style, schema, several: dialogue.parallel, answers: answer.is_some(), trigger })
    }

    /// The grammar in llama.cpp's GBNF.
    pub fn grammar(&self) -> Result<String, Error> {
        let converted = schema::to_grammar(&self.schema).map_err(|why| {
            Error::InvalidArgument(format!("the JSON schemas cannot be made a grammar: {why}"))
        })?;
        let mut grammar = String::new();
        for line in converted.lines() {
            match line.strip_prefix(CONVERTED).map(|rule| (rule, rule.split_once(" | "))) {
                // The two alternatives of `schema`, in their order.
                Some((_, Some((call, answer)))) if self.answers => {
                    grammar.extend([ONE, call, "\n", ANSWER, answer, "\n"]);
                }
                Some((call, _)) => grammar.extend([ONE, call, "\n"]),
                None => grammar.extend([line, "\n"]),
            }
        }
        grammar.extend(["root ::= ", self.calls()]);
        if self.answers {
            grammar.push_str(" | the-answer");
        }
        if self.style == Style::Hermes {
            grammar.push_str(HERMES_CALL);
        }
        Ok(grammar)
    }

    /// As the format has them.
    fn calls(&self) -> &'static str {
        match (self.style, self.several) {
            (Style::Hermes, false) => "hermes-call",
            (Style::Hermes, true) => r#"hermes-call ("\n"? hermes-call)*"#,
            (Style::Mistral, false) => r#""[TOOL_CALLS]" " "? "[" one-call "]""#,
            (Style::Mistral, true) => r#""[TOOL_CALLS]" " "? "[" one-call ("," " "? one-call)* "]""#,
            (Style::Llama3, _) => "one-call",
        }
    }
}

/// One of the tools, each under `$defs`, so that what refers to itself still does; or an answer that is like them.
fn schema(style: Style, tools: &[&Tool], is_free: impl Fn(&Tool) -> bool, answer: Option<&str>) -> String {
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
    let (calls, definitions) = (calls.join(","), definitions.join(","));
    let Some(answer) = answer.map(|answer| rebased(answer, "/$defs/answer")) else {
        return format!(r#"{{"anyOf":[{calls}],"$defs":{{{definitions}}}}}"#);
    };
    format!(
        r##"{{"anyOf":[{{"$ref":"#/$defs/call"}},{{"$ref":"#/$defs/answer"}}],"$defs":{{"call":{{"anyOf":[{calls}]}},"answer":{answer},{definitions}}}}}"##
    )
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
