//! `spin:redis@3.0.0`.

use super::Concurrent;
use crate::{
    guest::State,
    imports::spin::{
        redis::{Closed, Open, commanded, flat},
        wit::{
            fermyon::spin::redis as v2,
            spin::redis::redis::{
                Error, Host, HostConnection, HostConnectionWithStore, RedisParameter, RedisResult,
            },
        },
    },
};
use corral_spin::redis as backend;
use redis::{Cmd, FromRedisValue, cmd};
use wasmtime::component::{Accessor, Resource};

type Handle = Resource<Open>;

impl Host for State {}

impl HostConnection for State {
    async fn drop(&mut self, connection: Handle) -> wasmtime::Result<()> {
        self.closed();
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send> HostConnectionWithStore<T> for Concurrent {
    async fn open(accessor: &Accessor<T, Self>, address: String) -> wasmtime::Result<Result<Handle, Error>> {
        let component = accessor.with(|mut access| -> wasmtime::Result<_> {
            let state = access.get();
            let component = state.component()?;
            Ok(state.opened().then_some(component))
        })?;
        let opened = match &component {
            Some(component) => Open::at(component, &address).await.map_err(Error::from),
            None => Err(Error::TooManyConnections),
        };
        accessor.with(|mut access| {
            let state = access.get();
            Ok(match opened {
                Ok(open) => Ok(state.table.push(open)?),
                Err(error) => {
                    state.closed();
                    Err(error)
                }
            })
        })
    }

    async fn publish(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        channel: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        ask(accessor, &connection, cmd("PUBLISH").arg(channel).arg(payload)).await
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        ask(accessor, &connection, cmd("GET").arg(key)).await
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        ask(accessor, &connection, cmd("SET").arg(key).arg(value)).await
    }

    async fn incr(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        key: String,
    ) -> wasmtime::Result<Result<i64, Error>> {
        ask(accessor, &connection, cmd("INCR").arg(key)).await
    }

    async fn del(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<u32, Error>> {
        if keys.is_empty() {
            return Ok(Ok(0));
        }
        ask(accessor, &connection, cmd("DEL").arg(keys)).await
    }

    async fn sadd(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        key: String,
        values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, Error>> {
        ask(accessor, &connection, cmd("SADD").arg(key).arg(values)).await
    }

    async fn smembers(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        key: String,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        ask(accessor, &connection, cmd("SMEMBERS").arg(key)).await
    }

    async fn srem(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        key: String,
        values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, Error>> {
        ask(accessor, &connection, cmd("SREM").arg(key).arg(values)).await
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> wasmtime::Result<Result<Vec<RedisResult>, Error>> {
        let arguments = arguments.into_iter().map(|argument| match argument {
            RedisParameter::Int64(number) => v2::RedisParameter::Int64(number),
            RedisParameter::Binary(bytes) => v2::RedisParameter::Binary(bytes),
        });
        let open = opened(accessor, &connection)?;
        let answered = open.value(&commanded(&command, arguments)).await.map_err(Error::from);
        let results = answered.and_then(|value| flat(value).map_err(Error::Other));
        Ok(results.map(|results| results.into_iter().map(RedisResult::from).collect()))
    }
}

async fn ask<T: Send, R: FromRedisValue>(
    accessor: &Accessor<T, Concurrent>,
    connection: &Handle,
    command: &Cmd,
) -> wasmtime::Result<Result<R, Error>> {
    Ok(opened(accessor, connection)?.ask(command).await.map_err(Error::from))
}

fn opened<T: Send>(accessor: &Accessor<T, Concurrent>, connection: &Handle) -> wasmtime::Result<Open> {
    accessor.with(|mut access| Ok(access.get().table.get(connection)?.clone()))
}

impl From<Closed> for Error {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Address => Self::InvalidAddress,
            Closed::Server(error) => error.into(),
        }
    }
}

impl From<backend::Error> for Error {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::Address(_) => Self::InvalidAddress,
            backend::Error::WrongType(_) => Self::TypeError,
            backend::Error::Server(_) | backend::Error::Late => Self::Other(error.to_string()),
        }
    }
}

impl From<v2::RedisResult> for RedisResult {
    fn from(result: v2::RedisResult) -> Self {
        match result {
            v2::RedisResult::Nil => Self::Nil,
            v2::RedisResult::Status(text) => Self::Status(text),
            v2::RedisResult::Int64(number) => Self::Int64(number),
            v2::RedisResult::Binary(bytes) => Self::Binary(bytes),
        }
    }
}
