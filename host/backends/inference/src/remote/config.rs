//! The settings under `[inference.remote]`.
//!
//! Not here: the addresses and files that they name (`address`, `client`).

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::address::Address;
use crate::Error;

const MAX_RETRIES: u32 = 10;

/// The settings under `[inference.remote]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The base addresses of servers that all serve the same model, such as
    /// `http://127.0.0.1:8080/v1`.
    pub urls: Vec<String>,
    /// What the servers call the model.
    pub model: Option<String>,
    /// A file that holds the key, which is sent as a bearer token; white space around it does not
    /// count.
    pub key_file: Option<PathBuf>,
    /// Certificates (PEM) to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long connecting may take.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// How long a server may take from the request to the first token of its answer.
    #[serde(with = "humantime_serde")]
    pub first_token_timeout: Duration,
    /// How long a server may be silent within an answer.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// How often an answer of which no token has come is asked for again.
    pub retries: u32,
    /// How often a server is asked whether it works.
    #[serde(with = "humantime_serde")]
    pub health_interval: Duration,
    /// Tokens that prompt and answer may have together, where a server does not tell; `inference.n_ctx`
    /// if none is given. More than `inference.n_ctx` are never used.
    pub context_length: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            model: None,
            key_file: None,
            ca_file: None,
            connect_timeout: Duration::from_secs(2),
            first_token_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(30),
            retries: 2,
            health_interval: Duration::from_secs(5),
            context_length: None,
        }
    }
}

impl Config {
    /// The servers' addresses, if all settings can be used.
    pub(super) fn addresses(&self) -> Result<Vec<Address>, Error> {
        let times = [
            ("connect_timeout", self.connect_timeout),
            ("first_token_timeout", self.first_token_timeout),
            ("idle_timeout", self.idle_timeout),
            ("health_interval", self.health_interval),
        ];
        for (key, time) in times {
            if time.is_zero() {
                return Err(refused(key, "0s: expected a time above zero, such as \"5s\""));
            }
        }
        if self.retries > MAX_RETRIES {
            return Err(refused("retries", format!("{}: expected 0 to {MAX_RETRIES}", self.retries)));
        }
        if let Some(tokens) = self.context_length
            && tokens < 16
        {
            return Err(refused("context_length", format!("{tokens}: expected at least 16")));
        }
        self.model()?;
        if self.urls.is_empty() {
            return Err(refused("urls", "empty: expected addresses such as [\"http://127.0.0.1:8080/v1\"]"));
        }
        self.urls.iter().map(|url| Address::parse(url)).collect()
    }

    /// What the servers call the model.
    pub(super) fn model(&self) -> Result<&str, Error> {
        match self.model.as_deref().map(str::trim) {
            None | Some("") => Err(refused("model", "missing: expected what the servers call the model")),
            Some(model) => Ok(model),
        }
    }
}

/// A setting that cannot be used, and why.
pub(super) fn refused(key: &str, cause: impl std::fmt::Display) -> Error {
    Error::InvalidArgument(format!("inference.remote.{key}: {cause}"))
}
