//! `corral:host/config`: an application's own settings.

use super::wit::corral::host::config::Host;
use crate::guest::State;
use std::collections::BTreeMap;
use wasmtime::component::HasData;

pub(super) struct Settings;

impl HasData for Settings {
    type Data<'a> = View<'a>;
}

pub(super) struct View<'a> {
    settings: &'a BTreeMap<String, String>,
}

pub(super) fn view(state: &mut State) -> View<'_> {
    View { settings: &state.config }
}

impl Host for View<'_> {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.settings.get(&key).cloned())
    }
}
