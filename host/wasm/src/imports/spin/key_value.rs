//! `fermyon:spin/key-value@2.0.0`.

use super::wit::fermyon::spin::key_value::{Error, Host, HostStore};
use crate::guest::State;
use corral_spin::key_value as backend;
use wasmtime::component::Resource;

type Handle = Resource<backend::Store>;

impl Host for State {}

impl HostStore for State {
    async fn open(&mut self, label: String) -> wasmtime::Result<Result<Handle, Error>> {
        let Some(store) = self.store(&label)? else { return Ok(Err(Error::AccessDenied)) };
        if !self.opened() {
            self.closed();
            return Ok(Err(Error::StoreTableFull));
        }
        Ok(Ok(self.table.push(store)?))
    }

    async fn get(&mut self, store: Handle, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let store = self.table.get(&store)?.clone();
        let calls = self.services.calls.of("spin-key-value");
        Ok(calls.time("get", store.get(&key)).await.map_err(failed))
    }

    async fn set(
        &mut self,
        store: Handle,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let store = self.table.get(&store)?.clone();
        let calls = self.services.calls.of("spin-key-value");
        Ok(calls.time("set", store.set(vec![(key, value)])).await.map_err(failed))
    }

    async fn delete(&mut self, store: Handle, key: String) -> wasmtime::Result<Result<(), Error>> {
        let store = self.table.get(&store)?.clone();
        let calls = self.services.calls.of("spin-key-value");
        Ok(calls.time("delete", store.delete(vec![key])).await.map_err(failed))
    }

    async fn exists(&mut self, store: Handle, key: String) -> wasmtime::Result<Result<bool, Error>> {
        let store = self.table.get(&store)?.clone();
        let calls = self.services.calls.of("spin-key-value");
        Ok(calls.time("exists", store.exists(&key)).await.map_err(failed))
    }

    async fn get_keys(&mut self, store: Handle) -> wasmtime::Result<Result<Vec<String>, Error>> {
        let store = self.table.get(&store)?.clone();
        let calls = self.services.calls.of("spin-key-value");
        Ok(calls.time("get-keys", store.keys()).await.map_err(failed))
    }

    async fn drop(&mut self, store: Handle) -> wasmtime::Result<()> {
        self.closed();
        self.table.delete(store)?;
        Ok(())
    }
}

impl State {
    /// The store of a label, if the component may open it.
    pub(super) fn store(&self, label: &str) -> wasmtime::Result<Option<backend::Store>> {
        Ok(self.component()?.key_value.get(label).map(|place| place.store(label)))
    }
}

fn failed(error: backend::Error) -> Error {
    Error::Other(said(&error))
}

/// What a component is told. The log has it too: it is often the operator who can mend it.
pub(super) fn said(error: &backend::Error) -> String {
    tracing::warn!(%error, "key-value store");
    error.to_string()
}
