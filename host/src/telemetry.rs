//! Logs and metrics: one place for the names of their fields.

use serde::Deserialize;

/// `[log]`: what is logged, and how it looks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The form of a line.
    pub format: Format,
    /// A level, or directives as tracing's `EnvFilter` reads them. None is `info`.
    pub filter: Option<String>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}
