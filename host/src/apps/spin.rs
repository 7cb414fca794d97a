//! A Spin application's components as applications of the host, and `[spin]` in runtime.toml: what a manifest does not
//! say of them.

use super::{Config, Grants, Limits};
use corral_wasm::spin::{Application, Component};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

/// `[spin]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What one request of a component may use.
    pub limits: Limits,
}

/// The components by id, within these limits.
#[must_use]
pub fn configs(application: &Application, limits: &Limits) -> BTreeMap<String, Config> {
    let config = |component: &Arc<Component>| Config {
        gateway: component.source.clone(),
        logic: None,
        host: None,
        route: "/".into(),
        watch: false,
        // A rehearsal on the chat routes says nothing about it.
        probe: false,
        trusted_keys: Vec::new(),
        grants: Grants::default(),
        models: Vec::new(),
        store: None,
        limits: limits.clone(),
        spin: Some(component.clone()),
        config: BTreeMap::new(),
    };
    application.components.iter().map(|(id, component)| (id.clone(), config(component))).collect()
}
