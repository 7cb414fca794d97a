//! The `[vectors]` part of the settings.
//!
//! Not here: reading files and the environment (the host), what may be in a name (`limits.rs`).

use serde::Deserialize;
use std::{path::PathBuf, time::Duration};

/// The `[vectors]` part of the settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where passages are kept.
    pub backend: Backend,
    /// Address of the server; the embedded store has none.
    pub url: Option<String>,
    /// Name of the collection: 3 to 512 letters, digits, `.`, `_` and `-`.
    pub collection: String,
    /// Whether the host is ready only while the store answers.
    pub required: bool,
    /// How to talk to ChromaDB.
    pub chroma: Chroma,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backend: Backend::Embedded,
            url: None,
            collection: "chat_documents".to_owned(),
            required: true,
            chroma: Chroma::default(),
        }
    }
}

/// The kinds of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A SQLite file on this machine.
    Embedded,
    /// A ChromaDB server, version 1.
    Chroma,
}

/// The `[vectors.chroma]` part of the settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chroma {
    /// The tenant.
    pub tenant: String,
    /// The database in it.
    pub database: String,
    /// A file that holds the token; white space around it does not count.
    pub token_file: Option<PathBuf>,
    /// The header that the token is sent in. `authorization` sends it after `Bearer`.
    pub token_header: String,
    /// Certificates (PEM) to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long connecting may take.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// How long one request may take. A call never waits for more than five seconds in all.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How many records are written in one request.
    pub batch: usize,
}

impl Default for Chroma {
    fn default() -> Self {
        Self {
            tenant: "default_tenant".to_owned(),
            database: "default_database".to_owned(),
            token_file: None,
            token_header: "x-chroma-token".to_owned(),
            ca_file: None,
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            batch: 500,
        }
    }
}
