//! The `[embedding]` part of the settings.
//!
//! Not here: reading files and the environment (the host).

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::Error;

/// What the embedder runs and how much may wait for it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The model's folder: model.onnx, tokenizer.json, config.json, special_tokens_map.json and
    /// tokenizer_config.json, as the model hub has them. Its name is the model's name.
    pub model: PathBuf,
    /// ONNX Runtime, the shared library.
    pub runtime: PathBuf,
    /// Threads that compute one batch.
    pub threads: usize,
    /// Calls that may wait or run, for queries and for documents each. Further ones are refused.
    pub queue: usize,
    /// How long the model waits, after it has answered callers that are together, for them to ask together again.
    /// Zero is not at all. Whoever asks alone is never kept waiting.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: PathBuf::from(".corral/models/all-minilm-l6-v2"),
            runtime: PathBuf::from(".corral/lib/libonnxruntime.so"),
            threads: 1,
            queue: 64,
            window: Duration::from_millis(2),
        }
    }
}

impl Config {
    /// Says which setting cannot be used.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.threads == 0 || self.queue == 0 {
            return Err(Error::Load("embedding: threads and queue must be at least 1".into()));
        }
        Ok(())
    }
}
