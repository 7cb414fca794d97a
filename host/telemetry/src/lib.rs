//! Logs and metrics: one place for the names of their fields.
//!
//! Not here: when a request begins and ends (`server`), and what a generation took (`imports`).

pub mod calls;
pub mod exchange;
pub mod identity;
pub mod log;
pub mod metrics;
pub mod record;
pub mod routes;
mod sampled;
pub mod trace;

pub use calls::Calls;
pub use exchange::{Exchange, Outcome};
pub use identity::Identity;
pub use metrics::Metrics;
pub use record::Record;
pub use sampled::Hosting;

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
