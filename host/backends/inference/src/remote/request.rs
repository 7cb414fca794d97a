//! A question in OpenAI's protocol: from input and options to the body of a request.
//!
//! What the protocol has is sent to every server: with the defaults of `inference.defaults`, so that
//! answers are the same as the local engine's. What only some servers have is sent to those that
//! have it, and to others when the caller asks for it: a strict server refuses what it does not know.

mod extensions;
mod tools;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use self::{
    extensions::Extensions,
    tools::{Call, Offer},
};
use super::facts::Dialect;
use crate::{Constraint, Error, Input, Message, Options, input::Settings};

/// A schema or grammar comes from a guest; the local engine has the same bound.
const MAX_CONSTRAINT: usize = 64 << 10;
/// JSON mode, as a schema.
const ANY_OBJECT: &str = r#"{"type":"object"}"#;

/// What is asked, checked.
#[derive(Debug)]
pub(super) struct Question {
    pub input: Input,
    pub options: Options,
    settings: Settings,
    /// The JSON schema, if there is one.
    schema: Option<Box<RawValue>>,
}

impl Question {
    /// `settings` are the options with all defaults.
    pub fn new(input: Input, options: Options, settings: Settings) -> Result<Self, Error> {
        if options.adapter.is_some() {
            return Err(invalid("the model has no adapters: its server is asked by the model's name alone"));
        }
        if let Input::Tools(dialogue) = &input {
            dialogue.check_options(&options)?;
        }
        let schema = match &options.constraint {
            Some(Constraint::JsonSchema(text) | Constraint::Grammar(text)) if text.len() > MAX_CONSTRAINT => {
                return Err(invalid(format!("the constraint is longer than {MAX_CONSTRAINT} bytes")));
            }
            Some(Constraint::JsonSchema(schema)) => Some(parse(schema)?),
            Some(Constraint::Grammar(_)) | None => None,
        };
        Ok(Self { input, options, settings, schema })
    }

    /// The path below a server's base address.
    pub fn path(&self) -> &'static [&'static str] {
        match self.input {
            Input::Prompt(_) | Input::Marked(_) => &["completions"],
            Input::Chat(_) | Input::Tools(_) => &["chat", "completions"],
        }
    }

    /// Tokens that the answer may have, as far as the options say.
    pub fn max_tokens(&self) -> u32 {
        self.settings.max_tokens
    }

    /// The body for a server that calls the model `model`.
    pub fn body<'a>(&'a self, model: &'a str, dialect: Dialect, max_tokens: u32) -> Body<'a> {
        let Options { seed, stop, frequency_penalty, presence_penalty, biases, log_probabilities, .. } =
            &self.options;
        let (messages, prompt) = match &self.input {
            Input::Prompt(text) | Input::Marked(text) => (None, Some(text.as_str())),
            Input::Chat(messages) => (Some(Spoken::all(messages)), None),
            Input::Tools(dialogue) => (Some(dialogue.turns.iter().map(Spoken::turn).collect()), None),
        };
        let offer = match &self.input {
            Input::Tools(dialogue) => Offer::of(dialogue),
            Input::Prompt(_) | Input::Marked(_) | Input::Chat(_) => Offer::default(),
        };
        // llama-server takes none for not asked.
        let alternatives = log_probabilities.map(|count| match dialect {
            Dialect::LlamaServer => count.max(1),
            Dialect::Plain | Dialect::Vllm | Dialect::Corral => count,
        });
        Body {
            model,
            logprobs: alternatives
                .map(|count| prompt.map_or(LogProbs::Wanted(true), |_| LogProbs::Number(count))),
            top_logprobs: alternatives.filter(|_| prompt.is_none()),
            response_format: self.response_format(dialect),
            messages,
            prompt,
            offer,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
            max_tokens,
            temperature: self.settings.temperature,
            top_p: self.settings.top_p,
            seed: *seed,
            stop,
            frequency_penalty: *frequency_penalty,
            presence_penalty: *presence_penalty,
            logit_bias: biases.iter().map(|bias| (bias.token, bias.amount)).collect(),
            extensions: Extensions::new(self, dialect),
        }
    }

    /// llama-server does not look at it when it completes a prompt, and has another field for that. A
    /// strict server takes no schema of just any object, and has a word for it.
    fn response_format(&self, dialect: Dialect) -> Option<ResponseFormat<'_>> {
        let is_prompt = matches!(self.input, Input::Prompt(_) | Input::Marked(_));
        let schema = self.schema.as_deref().filter(|_| !(is_prompt && dialect == Dialect::LlamaServer))?;
        if dialect == Dialect::Plain && schema.get() == ANY_OBJECT {
            return Some(ResponseFormat { kind: "json_object", json_schema: None });
        }
        Some(ResponseFormat {
            kind: "json_schema",
            json_schema: Some(Schema { name: "answer", strict: true, schema }),
        })
    }
}

/// One message as it is sent.
#[derive(Debug, Serialize)]
pub(super) struct Spoken<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

impl<'a> Spoken<'a> {
    /// All messages of a chat.
    pub fn all(messages: &'a [Message]) -> Vec<Self> {
        let spoken = |message: &'a Message| Self {
            role: message.role.name(),
            content: &message.content,
            tool_calls: Vec::new(),
            tool_call_id: None,
        };
        messages.iter().map(spoken).collect()
    }
}

/// The body of a request. Of what it has not, the server's defaults are used.
#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<Spoken<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(flatten)]
    offer: Offer<'a>,
    stream: bool,
    stream_options: StreamOptions,
    max_tokens: u32,
    temperature: f32,
    top_p: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    logit_bias: BTreeMap<u32, f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<LogProbs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(flatten)]
    extensions: Extensions<'a>,
}

#[derive(Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// Whether log-probabilities are wanted of a chat's answer, or how many of a prompt's.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum LogProbs {
    Wanted(bool),
    Number(u32),
}

#[derive(Debug, Serialize)]
struct ResponseFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<Schema<'a>>,
}

#[derive(Debug, Serialize)]
struct Schema<'a> {
    name: &'static str,
    strict: bool,
    schema: &'a RawValue,
}

/// As it was written: answers have their properties in the schema's order.
fn parse(schema: &str) -> Result<Box<RawValue>, Error> {
    let not_json = |error: serde_json::Error| invalid(format!("the JSON schema is not JSON: {error}"));
    // Only this looks at the nesting, which the servers' converters may not.
    serde_json::from_str::<Value>(schema).map_err(not_json)?;
    serde_json::from_str(schema).map_err(not_json)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidArgument(message.into())
}

#[cfg(test)]
mod tests;
