//! One event of an answer's stream: what OpenAI's clients call a chunk.
//!
//! Chats and prompts have different fields for the same things; whichever is there is read.

pub(super) mod calls;
mod scores;

use serde::Deserialize;
use serde_json::Value;

use self::{calls::Piece, scores::LogProbs};
use super::{failure::Failure, refusal::broken_off};
use crate::{Finish, Scored};

/// What a chunk says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chunk {
    pub text: String,
    /// The model thinks, and does not say it.
    pub thinks: bool,
    /// Pieces of calls.
    pub calls: Vec<Piece>,
    pub scores: Vec<Scored>,
    pub finish: Option<Finish>,
    pub tokens: Option<Tokens>,
}

/// The server's count of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub prompt: u32,
    pub cached: u32,
    pub completion: u32,
}

impl Chunk {
    /// Reads the data of an event; `context` is how many tokens the server has room for.
    pub fn parse(data: &[u8], context: u32) -> Result<Self, Failure> {
        let wire: Wire = serde_json::from_slice(data)
            .map_err(|error| Failure::malformed("an event of the answer", data.len(), &error))?;
        if let Some(error) = &wire.error {
            return Err(broken_off(error, context));
        }
        let tokens = wire.tokens();
        let Some(choice) = wire.choices.into_iter().flatten().next() else {
            return Ok(Self { tokens, ..Self::default() });
        };
        let Delta { content, tool_calls, reasoning_content, reasoning } = choice.delta.unwrap_or_default();
        let thinks = [reasoning_content, reasoning].into_iter().flatten().any(|thought| !thought.is_empty());
        // Some servers write none as an empty one.
        let reason = choice.finish_reason.as_deref().filter(|reason| !reason.is_empty());
        Ok(Self {
            text: content.or(choice.text).unwrap_or_default(),
            thinks,
            calls: tool_calls.unwrap_or_default(),
            scores: choice.logprobs.map(LogProbs::into_scores).unwrap_or_default(),
            finish: reason.map(finish).transpose()?,
            tokens,
        })
    }

    /// The answer has begun with it.
    pub fn is_token(&self) -> bool {
        !self.text.is_empty() || self.thinks || !self.calls.is_empty() || self.finish.is_some()
    }
}

fn finish(reason: &str) -> Result<Finish, Failure> {
    match reason {
        "length" => Ok(Finish::Length),
        "abort" | "error" => Err(Failure::Failed("the server gave the answer up".into())),
        // Also where a filter or calls of tools ended it: there is no more to come.
        _ => Ok(Finish::Stop),
    }
}

#[derive(Deserialize)]
struct Wire {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    timings: Option<Timings>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    text: Option<String>,
    logprobs: Option<LogProbs>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    tool_calls: Option<Vec<Piece>>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<u32>,
}

/// Of llama-servers that do not tell it in `usage`.
#[derive(Deserialize)]
struct Timings {
    cache_n: Option<u32>,
}

impl Wire {
    fn tokens(&self) -> Option<Tokens> {
        let usage = self.usage.as_ref()?;
        let cached = usage.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens);
        let cached = cached.or_else(|| self.timings.as_ref()?.cache_n);
        Some(Tokens {
            prompt: usage.prompt_tokens,
            cached: cached.unwrap_or(0),
            completion: usage.completion_tokens,
        })
    }
}

#[cfg(test)]
mod tests;
