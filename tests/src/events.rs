//! Server-Sent Events, as the HTML standard has them parsed.

use anyhow::{Context, Result};
use reqwest::Response;
use serde_json::Value;
use std::time::Instant;

/// One event.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
    /// When it was complete.
    pub at: Instant,
}

/// The events of a response.
pub struct Events {
    response: Response,
    bytes: Vec<u8>,
}

impl Events {
    /// Those of a response to come.
    pub fn new(response: Response) -> Self {
        Self { response, bytes: Vec::new() }
    }

    /// The response's head.
    pub fn head(&self) -> &Response {
        &self.response
    }

    /// The next event; none at the end.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
                let block = std::str::from_utf8(&block).context("an event is no UTF-8")?;
                if let Some(event) = parse(block)? {
                    return Ok(Some(event));
                }
                continue;
            }
            let Some(bytes) = self.response.chunk().await? else { return Ok(None) };
            self.bytes.extend_from_slice(&bytes);
        }
    }
}

/// None for a comment.
fn parse(block: &str) -> Result<Option<Event>> {
    let field = |name| block.lines().find_map(|line| line.strip_prefix(name));
    let (Some(name), Some(data)) = (field("event: "), field("data: ")) else { return Ok(None) };
    let data = serde_json::from_str(data).context("an event's data")?;
    Ok(Some(Event { name: name.to_owned(), data, at: Instant::now() }))
}
