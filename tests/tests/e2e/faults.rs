//! Stores that are down, die, stall, and break connections: what clients see of it, and that it passes.

mod sessions;
mod vectors;

use anyhow::{Context, Result};
use e2e::{Client, Events, Reply};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const TEXT: &str = "/api/v1/chat/chat/text";

/// More than a host may take for a request whose stores do not answer, far less than for ever.
const BOUND: Duration = Duration::from_secs(30);

/// A reply that comes, whatever it says.
async fn bounded(request: RequestBuilder) -> Result<Reply> {
    tokio::time::timeout(BOUND, Reply::of(request)).await.context("the host hangs")?
}

/// A reply that says when to return.
async fn refused(request: RequestBuilder) -> Result<()> {
    let reply = bounded(request).await?;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.body);
    let seconds: u32 = reply.header("retry-after").context("no Retry-After")?.parse()?;
    assert!((1..=60).contains(&seconds), "{seconds}");
    Ok(())
}

/// A reply that is right, or says when to return.
async fn answered_or_refused(request: RequestBuilder) -> Result<Reply> {
    let reply = bounded(request).await?;
    let fair = reply.status == StatusCode::OK
        || reply.status == StatusCode::SERVICE_UNAVAILABLE && reply.header("retry-after").is_some();
    assert!(fair, "{} {}", reply.status, reply.body);
    Ok(reply)
}

/// A long answer under way.
struct Answer {
    events: Events,
    text: String,
}

impl Answer {
    const QUESTION: &str = "Tell me a long story about a heron.";

    /// Returns when its first words are there: what comes then takes a while.
    async fn begin(client: &Client, session: &str) -> Result<Self> {
        let body = json!({
            "session_id": session,
            "message": Self::QUESTION,
            "max_tokens": 80,
            "temperature": 0,
        });
        let mut answer = Self { events: client.stream(&body).await?, text: String::new() };
        while answer.text.is_empty() {
            answer.next().await?;
        }
        Ok(answer)
    }

    /// The pair as it should be stored, and whether the host says that it is.
    async fn end(mut self) -> Result<(Value, bool)> {
        let rest = async {
            loop {
                if let Some(done) = self.next().await? {
                    return anyhow::Ok(done);
                }
            }
        };
        let done = tokio::time::timeout(BOUND, rest).await.context("the answer does not end")??;
        let persisted = done["persisted"].as_bool().context("it does not say whether it is stored")?;
        Ok((json!({ "user": Self::QUESTION, "ai": self.text }), persisted))
    }

    /// The data of `done`, once it comes.
    async fn next(&mut self) -> Result<Option<Value>> {
        let event = self.events.next().await?.context("the stream ended")?;
        match event.name.as_str() {
            "delta" => self.text.push_str(event.data["text"].as_str().context("no text")?),
            "done" => return Ok(Some(event.data)),
            "error" => anyhow::bail!("the answer broke off: {}", event.data),
            _ => {}
        }
        Ok(None)
    }
}
