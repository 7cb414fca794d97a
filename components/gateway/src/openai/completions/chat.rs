//! Answers as messages of a conversation.

use serde::Serialize;

use super::answer::Corral;
use super::form::{End, Form};
use super::logprobs::Logprobs;
use crate::corral::host::inference::{Scored, ToolCall};

#[derive(Debug, Default)]
pub struct Chat {
    /// Calls told so far.
    called: u32,
}

#[derive(Serialize)]
pub struct Whole {
    index: u32,
    message: Message,
    logprobs: Option<Logprobs>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    /// None where the answer is nothing but calls.
    content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call>,
    /// Answers are not refused here.
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    corral: Option<Corral>,
}

#[derive(Default, Serialize)]
pub struct Part {
    index: u32,
    delta: Delta,
    logprobs: Option<Logprobs>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call>,
    #[serde(skip_serializing_if = "Option::is_none")]
    corral: Option<Corral>,
}

/// A call of a tool.
#[derive(Serialize)]
struct Call {
    /// Its place among the answer's, in a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function,
}

#[derive(Serialize)]
struct Function {
    name: String,
    arguments: String,
}

impl Call {
    fn at(index: Option<u32>, ToolCall { id, name, arguments }: ToolCall) -> Self {
        Self { index, id, kind: "function", function: Function { name, arguments } }
    }
}

impl Form for Chat {
    const ID: &'static str = "chatcmpl-";
    const WHOLE: &'static str = "chat.completion";
    const PART: &'static str = "chat.completion.chunk";
    const ASKED: &'static str = "messages";
    type Whole = Whole;
    type Part = Part;

    fn whole(self, text: String, end: End) -> Whole {
        let tool_calls: Vec<_> = end.calls.into_iter().map(|call| Call::at(None, call)).collect();
        let content = (tool_calls.is_empty() || !text.is_empty()).then_some(text);
        Whole {
            index: 0,
            message: Message { role: "assistant", content, tool_calls, refusal: None, corral: end.corral },
            logprobs: end.scored.map(Logprobs::from),
            finish_reason: end.finish_reason,
        }
    }

    fn opening(&self) -> Option<Part> {
        let delta = Delta { role: Some("assistant"), content: Some(String::new()), ..Delta::default() };
        Some(Part { delta, ..Part::default() })
    }

    fn piece(&mut self, text: String, scored: Option<Vec<Scored>>) -> Part {
        let delta = Delta { content: Some(text), ..Delta::default() };
        Part { delta, logprobs: scored.map(Logprobs::from), ..Part::default() }
    }

    fn call(&mut self, call: ToolCall) -> Option<Part> {
        let tool_calls = vec![Call::at(Some(self.called), call)];
        self.called += 1;
        Some(Part { delta: Delta { tool_calls, ..Delta::default() }, ..Part::default() })
    }

    fn ending(&mut self, end: End) -> Part {
        Part {
            delta: Delta { corral: end.corral, ..Delta::default() },
            logprobs: end.scored.map(Logprobs::from),
            finish_reason: Some(end.finish_reason),
            ..Part::default()
        }
    }
}
