//! `[apps.NAME]` in runtime.toml.

use super::guard;
use bytesize::ByteSize;
use corral_wasm::hosts::Allowed;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// `[apps.NAME]`: the components of one application, and what they may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The gateway component's file.
    pub gateway: PathBuf,
    /// The chat logic component's file. None: the gateway is all there is, any component that answers HTTP.
    #[serde(default)]
    pub logic: Option<PathBuf>,
    /// The host name that the application serves; none is every one.
    #[serde(default)]
    pub host: Option<String>,
    /// The path prefix that the application serves.
    #[serde(default = "root")]
    pub route: String,
    /// Whether a change of the components' files is deployed while the host serves.
    #[serde(default)]
    pub watch: bool,
    /// Whether a deployment tries a turn on the chat routes before it serves.
    #[serde(default = "yes")]
    pub probe: bool,
    /// Public keys of minisign. If there are any, a component has to be signed with one of them.
    #[serde(default)]
    pub trusted_keys: Vec<String>,
    /// What each component may import.
    #[serde(default)]
    pub grants: Grants,
    /// The models that the components may use, by name; the first is meant where they name none. Empty is every model.
    #[serde(default)]
    pub models: Vec<String>,
    /// The label of the stores that the components may use; none is the host's own.
    #[serde(default)]
    pub store: Option<String>,
    /// What one request may use.
    #[serde(default)]
    pub limits: Limits,
    /// What a Spin application's manifest grants; none, if the component is of no such application.
    #[serde(skip)]
    pub spin: Option<Arc<corral_wasm::spin::Component>>,
    /// The components' own settings, as `corral:host/config` gives them.
    #[serde(default)]
    pub config: BTreeMap<String, toml::Value>,
}

impl Config {
    /// How many components it is composed of.
    pub fn components(&self) -> u32 {
        self.spin.as_ref().map_or(2, |component| component.components().max(2))
    }

    /// Where an operator finds what is said of the application of a name.
    pub fn place(&self, name: &str) -> String {
        match &self.spin {
            Some(component) => component.place(),
            None => format!("apps.{name}"),
        }
    }
}

/// `[apps.NAME.grants]`: interfaces by component. What is not granted is refused at load; nothing is granted by default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// For the gateway.
    pub gateway: BTreeSet<Grant>,
    /// For the chat logic.
    pub logic: BTreeSet<Grant>,
    /// Whom components with the grant `http` may send requests to, as in `https://example.com`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Allowed>,
}

/// One interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// `wasi:http/outgoing-handler`, to the hosts of [`Grants::hosts`]
    Http,
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
    /// Tokens that models generate for it; 0 is no bound.
    pub tokens: u32,
    /// Bytes of the answer's body.
    pub output: ByteSize,
    /// Requests at once; further ones wait.
    pub instances: u32,
    /// How long a request waits for an instance before it is refused.
    #[serde(with = "humantime_serde")]
    pub wait: Duration,
}

/// `[deploy]`: how components are replaced while the host serves.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deploy {
    /// Where generations are kept; made at the first start, readable by its owner only.
    pub folder: PathBuf,
    /// Generations of an application that can be returned to, the one that serves included.
    pub keep: usize,
    /// Time that requests have to finish with the generation that they began with.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
    /// Time to compile a component.
    #[serde(with = "humantime_serde")]
    pub compile_timeout: Duration,
    /// Memory to compile a component with.
    pub compile_memory: ByteSize,
    /// When a canary is ended by itself.
    pub guard: guard::Settings,
}

impl Default for Deploy {
    fn default() -> Self {
        Self {
            folder: ".corral/apps".into(),
            keep: 5,
            drain: Duration::from_secs(30),
            compile_timeout: Duration::from_secs(60),
            compile_memory: ByteSize::gib(2),
            guard: guard::Settings::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize::mib(64),
            cpu: Duration::from_secs(5),
            tokens: 0,
            output: ByteSize::mib(64),
            instances: 256,
            wait: Duration::from_secs(5),
        }
    }
}

fn yes() -> bool {
    true
}

fn root() -> String {
    "/".into()
}
