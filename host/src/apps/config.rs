//! `[apps.NAME]` in runtime.toml.

use bytesize::ByteSize;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

/// `[apps.NAME]`: the components of one application, and what they may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The gateway component's file.
    pub gateway: PathBuf,
    /// The chat logic component's file.
    pub logic: PathBuf,
    /// The path prefix that the application serves.
    #[serde(default = "root")]
    pub route: String,
    /// What each component may import.
    #[serde(default)]
    pub grants: Grants,
    /// What one request may use.
    #[serde(default)]
    pub limits: Limits,
    /// The components' own settings, as `corral:host/config` gives them.
    #[serde(default)]
    pub config: BTreeMap<String, toml::Value>,
}

/// `[apps.NAME.grants]`: interfaces of `corral:host` by component. What is not granted is refused
/// at load; nothing is granted by default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// For the gateway.
    pub gateway: BTreeSet<Grant>,
    /// For the chat logic.
    pub logic: BTreeSet<Grant>,
}

/// One interface of `corral:host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// `corral:host/sessions`
    Sessions,
    /// `corral:host/vectors`
    Vectors,
    /// `corral:host/embedding`
    Embedding,
    /// `corral:host/inference`
    Inference,
    /// `corral:host/config`
    Config,
}

/// `[apps.NAME.limits]`: what one request may use.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Linear memory of each component. At most 64 MiB.
    pub memory: ByteSize,
    /// Time in which the components compute, waiting for the host left out.
    #[serde(with = "humantime_serde")]
    pub cpu: Duration,
    /// Requests at once; further ones wait.
    pub instances: u32,
    /// How long a request waits for an instance before it is refused.
    #[serde(with = "humantime_serde")]
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize::mib(64),
            cpu: Duration::from_secs(5),
            instances: 256,
            wait: Duration::from_secs(5),
        }
    }
}

fn root() -> String {
    "/".into()
}
