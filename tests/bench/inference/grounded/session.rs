//! Corral's own way: a session that it keeps, with documents that it searches.

use super::{PASSAGES, TOKENS, Told};
use anyhow::{Context, Result, bail, ensure};
use e2e::Client;
use serde_json::{Value, json};
use std::time::Instant;

/// A session.
pub struct Session<'s> {
    client: &'s Client,
    id: String,
}

impl<'s> Session<'s> {
    pub async fn begin(client: &'s Client) -> Result<Self> {
        Ok(Self { client, id: client.session().await? })
    }

    /// Each takes the place of the one with its id, so that a search finds exactly these.
    pub async fn give(&self, passages: &[String]) -> Result<()> {
        let documents = (0..).zip(passages).map(|(id, text)| json!({ "id": format!("{id}"), "text": text }));
        self.client.documents(&self.id, documents.collect()).await?;
        Ok(())
    }

    pub async fn ask(&self, question: &str) -> Result<Told> {
        let body = json!({
            "session_id": self.id,
            "message": question,
            "max_tokens": TOKENS,
            "temperature": 0,
        });
        let asked = Instant::now();
        let mut events = self.client.stream(&body).await?;
        let mut first = None;
        while let Some(event) = events.next().await? {
            match event.name.as_str() {
                "sources" => ensure!(found(&event.data) == PASSAGES, "not all passages: {}", event.data),
                "delta" => drop(first.get_or_insert(event.at)),
                "trimmed" => bail!("the conversation is too long: {}", event.data),
                "done" => return told(&event.data["usage"], asked, first.context("an answer without text")?),
                _ => bail!("{}: {}", event.name, event.data),
            }
        }
        bail!("an answer without an end")
    }
}

fn found(sources: &Value) -> usize {
    sources["sources"].as_array().map_or(0, Vec::len)
}

fn told(usage: &Value, asked: Instant, first: Instant) -> Result<Told> {
    let count =
        |name: &str| usage[name].as_u64().and_then(|count| u32::try_from(count).ok()).context("no count");
    let (prompt, cached) = (count("prompt_tokens")?, count("cached_tokens")?);
    Ok(Told { first: first - asked, prompt, computed: prompt.saturating_sub(cached) })
}
