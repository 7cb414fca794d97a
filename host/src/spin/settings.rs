//! `[spin]` in runtime.toml: what a manifest does not say.

use crate::apps::Limits;
use serde::Deserialize;

/// `[spin]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What one request of a component may use.
    pub limits: Limits,
}
