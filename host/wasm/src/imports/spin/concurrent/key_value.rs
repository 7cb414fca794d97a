//! `spin:key-value@3.0.0`.

use super::Concurrent;
use crate::{
    guest::State,
    imports::spin::{
        key_value::said,
        wit::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore},
    },
};
use corral_spin::key_value::{self as backend, Store};
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

type Handle = Resource<Store>;

/// The keys as they come, and whether all have come.
type Keys = (StreamReader<String>, FutureReader<Result<(), Error>>);

impl Host for State {}

impl HostStore for State {
    async fn drop(&mut self, store: Handle) -> wasmtime::Result<()> {
        self.closed();
        self.table.delete(store)?;
        Ok(())
    }
}

impl<T: Send> HostStoreWithStore<T> for Concurrent {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> wasmtime::Result<Result<Handle, Error>> {
        accessor.with(|mut access| {
            let state = access.get();
            let Some(store) = state.store(&label)? else { return Ok(Err(Error::AccessDenied)) };
            if !state.opened() {
                state.closed();
                return Ok(Err(Error::StoreTableFull));
            }
            Ok(Ok(state.table.push(store)?))
        })
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        store: Handle,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(opened(accessor, &store)?.get(&key).await.map_err(failed))
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        store: Handle,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(opened(accessor, &store)?.set(vec![(key, value)]).await.map_err(failed))
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        store: Handle,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(opened(accessor, &store)?.delete(vec![key]).await.map_err(failed))
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        store: Handle,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        Ok(opened(accessor, &store)?.exists(&key).await.map_err(failed))
    }

    async fn get_keys(accessor: &Accessor<T, Self>, store: Handle) -> wasmtime::Result<Keys> {
        let (keys, ended) = match opened(accessor, &store)?.keys().await {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(failed(error))),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let ended = FutureReader::new(&mut access, async { Ok::<_, wasmtime::Error>(ended) })?;
            Ok((keys, ended))
        })
    }
}

fn opened<T: Send>(accessor: &Accessor<T, Concurrent>, store: &Handle) -> wasmtime::Result<Store> {
    accessor.with(|mut access| Ok(access.get().table.get(store)?.clone()))
}

fn failed(error: backend::Error) -> Error {
    Error::Other(said(&error))
}
