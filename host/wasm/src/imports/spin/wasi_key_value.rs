//! `wasi:keyvalue@0.2.0-draft2`: the same stores by another interface.

use super::{
    key_value::said,
    wit::wasi::keyvalue::{
        atomics::{self, CasError, HostCas},
        batch,
        store::{self, Error, HostBucket, KeyResponse},
    },
};
use crate::guest::State;
use corral_spin::key_value as backend;
use wasmtime::component::Resource;

type Bucket = Resource<backend::Store>;

/// A value as it was when somebody looked, and where.
pub struct Swap {
    store: backend::Store,
    key: String,
    was: Option<Vec<u8>>,
}

impl store::Host for State {
    async fn open(&mut self, identifier: String) -> wasmtime::Result<Result<Bucket, Error>> {
        let Some(store) = self.store(&identifier)? else { return Ok(Err(Error::AccessDenied)) };
        if !self.opened() {
            self.closed();
            return Ok(Err(Error::Other("too many open stores".into())));
        }
        Ok(Ok(self.table.push(store)?))
    }
}

impl HostBucket for State {
    async fn get(&mut self, bucket: Bucket, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let store = self.table.get(&bucket)?.clone();
        Ok(store.get(&key).await.map_err(failed))
    }

    async fn set(
        &mut self,
        bucket: Bucket,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let store = self.table.get(&bucket)?.clone();
        Ok(store.set(vec![(key, value)]).await.map_err(failed))
    }

    async fn delete(&mut self, bucket: Bucket, key: String) -> wasmtime::Result<Result<(), Error>> {
        let store = self.table.get(&bucket)?.clone();
        Ok(store.delete(vec![key]).await.map_err(failed))
    }

    async fn exists(&mut self, bucket: Bucket, key: String) -> wasmtime::Result<Result<bool, Error>> {
        let store = self.table.get(&bucket)?.clone();
        Ok(store.exists(&key).await.map_err(failed))
    }

    async fn list_keys(
        &mut self,
        bucket: Bucket,
        cursor: Option<String>,
    ) -> wasmtime::Result<Result<KeyResponse, Error>> {
        let store = self.table.get(&bucket)?.clone();
        // All keys come at once, so that no page follows.
        if cursor.is_some() {
            return Ok(Err(Error::Other(
                "this cursor was not given out: the first page is the only one".into(),
            )));
        }
        Ok(store.keys().await.map(|keys| KeyResponse { keys, cursor: None }).map_err(failed))
    }

    async fn drop(&mut self, bucket: Bucket) -> wasmtime::Result<()> {
        self.closed();
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for State {
    async fn get_many(
        &mut self,
        bucket: Bucket,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<(String, Option<Vec<u8>>)>, Error>> {
        let store = self.table.get(&bucket)?.clone();
        Ok(store.get_many(keys).await.map_err(failed))
    }

    async fn set_many(
        &mut self,
        bucket: Bucket,
        entries: Vec<(String, Vec<u8>)>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let store = self.table.get(&bucket)?.clone();
        Ok(store.set(entries).await.map_err(failed))
    }

    async fn delete_many(
        &mut self,
        bucket: Bucket,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let store = self.table.get(&bucket)?.clone();
        Ok(store.delete(keys).await.map_err(failed))
    }
}

impl atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Bucket,
        key: String,
        delta: i64,
    ) -> wasmtime::Result<Result<i64, Error>> {
        let store = self.table.get(&bucket)?.clone();
        Ok(store.increment(&key, delta).await.map_err(failed))
    }

    async fn swap(&mut self, cas: Resource<Swap>, value: Vec<u8>) -> wasmtime::Result<Result<(), CasError>> {
        self.closed();
        let Swap { store, key, was } = self.table.delete(cas)?;
        match store.swap(&key, was, value).await {
            Ok(Ok(())) => Ok(Ok(())),
            Ok(Err(was)) => {
                self.open += 1;
                Ok(Err(CasError::CasFailed(self.table.push(Swap { store, key, was })?)))
            }
            Err(error) => Ok(Err(CasError::StoreError(failed(error)))),
        }
    }
}

impl HostCas for State {
    async fn new(&mut self, bucket: Bucket, key: String) -> wasmtime::Result<Result<Resource<Swap>, Error>> {
        let store = self.table.get(&bucket)?.clone();
        if !self.opened() {
            self.closed();
            return Ok(Err(Error::Other("too many open handles".into())));
        }
        match store.get(&key).await {
            Ok(was) => Ok(Ok(self.table.push(Swap { store, key, was })?)),
            Err(error) => {
                self.closed();
                Ok(Err(failed(error)))
            }
        }
    }

    async fn current(&mut self, cas: Resource<Swap>) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(Ok(self.table.get(&cas)?.was.clone()))
    }

    async fn drop(&mut self, cas: Resource<Swap>) -> wasmtime::Result<()> {
        self.closed();
        self.table.delete(cas)?;
        Ok(())
    }
}

fn failed(error: backend::Error) -> Error {
    Error::Other(said(&error))
}
