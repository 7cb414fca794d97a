//! What a server tells of itself: which one it is, and its models.

use super::{
    client::{Client, accepted},
    failure::Failure,
};
use serde::Deserialize;
use std::time::Duration;

/// The time for the list of models.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a server wants to be spoken to, beyond what OpenAI's protocol has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Nothing beyond it, unless a caller asks.
    Plain,
    /// llama.cpp's own server.
    LlamaServer,
    /// vLLM.
    Vllm,
    /// A Corral host.
    Corral,
}

/// What is known of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub dialect: Dialect,
    pub models: Vec<Listed>,
}

/// A model of its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub name: String,
    /// Tokens that prompt and answer may have together, if it tells.
    pub context: Option<u32>,
}

/// Asks a server about itself.
pub(super) fn ask(client: &Client) -> Result<Facts, Failure> {
    let answer = accepted(client.get(&["models"], PATIENCE)?, 0)?;
    let models: Models = answer.read("the list of models")?;
    let dialect = match models.data.first().and_then(|entry| entry.owned_by.as_deref()) {
        Some("llamacpp") => Dialect::LlamaServer,
        Some("vllm") => Dialect::Vllm,
        Some("corral") => Dialect::Corral,
        Some(_) | None => Dialect::Plain,
    };
    let listed = |entry: Entry| Listed {
        context: entry.max_model_len.or_else(|| entry.meta.as_ref()?.n_ctx),
        name: entry.id,
    };
    Ok(Facts { dialect, models: models.data.into_iter().map(listed).collect() })
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    owned_by: Option<String>,
    /// vLLM.
    max_model_len: Option<u32>,
    /// llama-server.
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    n_ctx: Option<u32>,
}
