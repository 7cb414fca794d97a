//! Answers as messages of a conversation.

use serde::Serialize;

use super::answer::Corral;
use super::form::{End, Form};
use super::logprobs::Logprobs;
use crate::corral::host::inference::Scored;

#[derive(Debug, Default)]
pub struct Chat;

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
    content: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    corral: Option<Corral>,
}

impl Form for Chat {
    const ID: &'static str = "chatcmpl-";
    const WHOLE: &'static str = "chat.completion";
    const PART: &'static str = "chat.completion.chunk";
    const ASKED: &'static str = "messages";
    type Whole = Whole;
    type Part = Part;

    fn whole(self, text: String, end: End) -> Whole {
        Whole {
            index: 0,
            message: Message { role: "assistant", content: text, refusal: None, corral: end.corral },
            logprobs: end.scored.map(Logprobs::from),
            finish_reason: end.finish_reason,
        }
    }

    fn opening(&self) -> Option<Part> {
        let delta = Delta { role: Some("assistant"), content: Some(String::new()), corral: None };
        Some(Part { delta, ..Part::default() })
    }

    fn piece(&mut self, text: String, scored: Option<Vec<Scored>>) -> Part {
        let delta = Delta { content: Some(text), ..Delta::default() };
        Part { delta, logprobs: scored.map(Logprobs::from), ..Part::default() }
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
