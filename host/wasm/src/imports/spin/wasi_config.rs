//! `wasi:config/store@0.2.0-draft-2024-09-27`: the component's variables.

use super::wit::wasi::config::store::{Error, Host};
use crate::guest::State;

impl Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, Error>> {
        Ok(Ok(self.component()?.variables.get(&key).cloned()))
    }

    async fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, Error>> {
        Ok(Ok(self.component()?.variables.clone().into_iter().collect()))
    }
}
