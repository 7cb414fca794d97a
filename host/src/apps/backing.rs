//! The back ends behind each application: the stores of its label, and the models, which all share.

use super::App;
use corral_wasm::imports::Services;
use std::{collections::BTreeMap, sync::Arc};

/// The back ends of all applications, by the label of their stores.
pub struct Backing(BTreeMap<String, Arc<Services>>);

/// The label of the host's own stores.
pub const OWN: &str = "";

impl Backing {
    /// Those of every label.
    pub fn new(services: impl IntoIterator<Item = Services>) -> Self {
        Self(services.into_iter().map(|services| (services.label.clone(), Arc::new(services))).collect())
    }

    /// An application's. None if its label names no stores, which the settings' check refuses.
    pub fn of(&self, app: &App) -> Option<&Arc<Services>> {
        self.labelled(app.config().store.as_deref().unwrap_or(OWN))
    }

    /// Those of one label.
    pub fn labelled(&self, label: &str) -> Option<&Arc<Services>> {
        self.0.get(label)
    }

    /// Those of every label.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Services>> {
        self.0.values()
    }

    /// Turns that wait for their store.
    pub fn waiting_turns(&self) -> usize {
        self.iter().map(|services| services.sessions.waiting()).sum()
    }
}
