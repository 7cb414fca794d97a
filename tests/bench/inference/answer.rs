//! A question in the OpenAI dialect, and its answer as it comes.

use anyhow::{Context, Result, bail, ensure};
use eventsource_stream::Eventsource;
use futures_util::{StreamExt, stream::BoxStream};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What is asked.
pub struct Question {
    /// Whose it is: what was computed for a conversation may serve it again.
    pub conversation: String,
    pub messages: Vec<Value>,
    pub max_tokens: u32,
    /// Whether the answer goes on until its tokens are spent, whatever the model would do.
    pub endless: bool,
    /// The place in llama-server that it is meant for, where that is better than the server's own choice.
    pub slot: Option<u32>,
}

/// Events under way. Dropping them cancels the answer.
pub struct Stream {
    asked: Instant,
    events: BoxStream<'static, Result<eventsource_stream::Event>>,
}

/// What comes.
pub enum Event {
    Text(String),
    Usage(Usage),
}

/// Tokens, as the server counts them.
#[derive(Clone, Copy)]
pub struct Usage {
    pub prompt: u32,
    /// Those of the prompt that did not have to be computed.
    pub cached: u32,
    pub completion: u32,
}

/// A whole answer.
pub struct Answer {
    pub text: String,
    /// Time to its first text.
    pub first: Duration,
    pub usage: Usage,
}

impl Question {
    /// A message without a history, and as many tokens of answer.
    pub fn new(conversation: &str, message: &str, max_tokens: u32) -> Self {
        let messages = vec![message_of("user", message)];
        Self { conversation: conversation.to_owned(), messages, max_tokens, endless: true, slot: None }
    }
}

impl Stream {
    /// Sends a request. Other answers than 200 are errors.
    pub async fn open(request: RequestBuilder) -> Result<Self> {
        let asked = Instant::now();
        let response = request.send().await?;
        let status = response.status();
        if status != StatusCode::OK {
            bail!("{status}: {}", response.text().await?);
        }
        let events = response.bytes_stream().eventsource().map(|event| event.context("a broken stream"));
        Ok(Self { asked, events: events.boxed() })
    }

    /// What comes next of text and usage; none at the end.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        while let Some(event) = self.events.next().await.transpose()? {
            if event.data == "[DONE]" {
                return Ok(None);
            }
            let chunk: Value = serde_json::from_str(&event.data).context("a chunk of an answer")?;
            ensure!(chunk["error"].is_null(), "{}", chunk["error"]);
            if let Some(text) =
                chunk["choices"][0]["delta"]["content"].as_str().filter(|text| !text.is_empty())
            {
                return Ok(Some(Event::Text(text.to_owned())));
            }
            if chunk["usage"].is_object() {
                return Usage::read(&chunk["usage"]).map(|usage| Some(Event::Usage(usage)));
            }
        }
        Ok(None)
    }

    /// The whole answer.
    pub async fn answer(mut self) -> Result<Answer> {
        let (mut text, mut first, mut usage) = (String::new(), None, None);
        while let Some(event) = self.next().await? {
            match event {
                Event::Text(piece) => {
                    first.get_or_insert_with(|| self.asked.elapsed());
                    text.push_str(&piece);
                }
                Event::Usage(told) => usage = Some(told),
            }
        }
        Ok(Answer {
            text,
            first: first.context("an answer without text")?,
            usage: usage.context("no usage")?,
        })
    }
}

impl Usage {
    /// Tokens of the prompt that had to be computed.
    pub fn computed(self) -> u32 {
        self.prompt.saturating_sub(self.cached)
    }

    fn read(usage: &Value) -> Result<Self> {
        let count = |value: &Value| value.as_u64().and_then(|count| u32::try_from(count).ok());
        Ok(Self {
            prompt: count(&usage["prompt_tokens"]).context("no prompt_tokens")?,
            cached: count(&usage["prompt_tokens_details"]["cached_tokens"]).context("no cached_tokens")?,
            completion: count(&usage["completion_tokens"]).context("no completion_tokens")?,
        })
    }
}

/// A message of a role, `system`, `user` or `assistant`.
pub fn message_of(role: &str, content: &str) -> Value {
    json!({ "role": role, "content": content })
}
