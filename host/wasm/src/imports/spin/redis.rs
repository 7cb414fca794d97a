//! `fermyon:spin/redis@2.0.0`: commands to Redis servers that the manifest allows.

use super::wit::fermyon::spin::redis::{Error, Host, HostConnection, RedisParameter, RedisResult};
use crate::{guest::State, hosts::Target};
use corral_spin::redis::{self as backend, Address, Connection};
use redis::{Cmd, FromRedisValue, Value, cmd};
use std::sync::Arc;
use tokio::sync::Mutex;
use url::Url;
use wasmtime::component::Resource;

/// A connection that a component has open. Its commands come one after the other.
#[derive(Clone)]
pub struct Open(Arc<Mutex<Connection>>);

type Handle = Resource<Open>;

impl Host for State {}

impl HostConnection for State {
    async fn open(&mut self, address: String) -> wasmtime::Result<Result<Handle, Error>> {
        let component = self.component()?;
        if !self.opened() {
            self.closed();
            return Ok(Err(Error::TooManyConnections));
        }
        match Open::at(&component, &address).await {
            Ok(open) => Ok(Ok(self.table.push(open)?)),
            Err(error) => {
                self.closed();
                Ok(Err(error.into()))
            }
        }
    }

    async fn publish(
        &mut self,
        connection: Handle,
        channel: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.ask(connection, cmd("PUBLISH").arg(channel).arg(payload)).await
    }

    async fn get(
        &mut self,
        connection: Handle,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        self.ask(connection, cmd("GET").arg(key)).await
    }

    async fn set(
        &mut self,
        connection: Handle,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.ask(connection, cmd("SET").arg(key).arg(value)).await
    }

    async fn incr(&mut self, connection: Handle, key: String) -> wasmtime::Result<Result<i64, Error>> {
        self.ask(connection, cmd("INCR").arg(key)).await
    }

    async fn del(&mut self, connection: Handle, keys: Vec<String>) -> wasmtime::Result<Result<u32, Error>> {
        if keys.is_empty() {
            return Ok(Ok(0));
        }
        self.ask(connection, cmd("DEL").arg(keys)).await
    }

    async fn sadd(
        &mut self,
        connection: Handle,
        key: String,
        values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, Error>> {
        self.ask(connection, cmd("SADD").arg(key).arg(values)).await
    }

    async fn smembers(
        &mut self,
        connection: Handle,
        key: String,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        self.ask(connection, cmd("SMEMBERS").arg(key)).await
    }

    async fn srem(
        &mut self,
        connection: Handle,
        key: String,
        values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, Error>> {
        self.ask(connection, cmd("SREM").arg(key).arg(values)).await
    }

    async fn execute(
        &mut self,
        connection: Handle,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> wasmtime::Result<Result<Vec<RedisResult>, Error>> {
        let open = self.table.get(&connection)?.clone();
        let calls = self.services.calls.of("spin-redis");
        let answered = calls.time("execute", open.value(&commanded(&command, arguments))).await;
        Ok(answered.map_err(Error::from).and_then(|value| flat(value).map_err(Error::Other)))
    }

    async fn drop(&mut self, connection: Handle) -> wasmtime::Result<()> {
        self.closed();
        self.table.delete(connection)?;
        Ok(())
    }
}

impl State {
    async fn ask<T: FromRedisValue>(
        &mut self,
        connection: Handle,
        command: &Cmd,
    ) -> wasmtime::Result<Result<T, Error>> {
        let open = self.table.get(&connection)?.clone();
        let calls = self.services.calls.of("spin-redis");
        Ok(calls.time("ask", open.ask(command)).await.map_err(Error::from))
    }
}

/// Why a connection was not opened.
pub(super) enum Closed {
    /// No address, or one that the manifest does not allow.
    Address,
    /// The server.
    Server(backend::Error),
}

impl Open {
    /// A connection to an address, if the component may reach it. It is looked at each time.
    pub(super) async fn at(component: &crate::spin::Component, address: &str) -> Result<Self, Closed> {
        let url = Url::parse(address).map_err(|_no_address| Closed::Address)?;
        let target = Target { scheme: url.scheme(), host: url.host_str(), port: url.port() };
        if target.host.is_none() || !component.may_reach(&target) {
            tracing::warn!(component = component.id, "a Redis address is not in allowed_outbound_hosts");
            return Err(Closed::Address);
        }
        let address = Address::on_network(address).map_err(|_no_address| Closed::Address)?;
        let connection = component.redis.open(&address).await.map_err(Closed::Server)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, backend::Error> {
        self.0.lock().await.ask(command).await
    }

    pub(super) async fn value(&self, command: &Cmd) -> Result<Value, backend::Error> {
        self.0.lock().await.value(command).await
    }
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

/// A command in its own words.
pub(super) fn commanded(command: &str, arguments: impl IntoIterator<Item = RedisParameter>) -> Cmd {
    let mut asked = cmd(command);
    for argument in arguments {
        match argument {
            RedisParameter::Int64(number) => asked.arg(number),
            RedisParameter::Binary(bytes) => asked.arg(bytes),
        };
    }
    asked
}

/// An answer as one list, as Spin has it; or why it cannot be.
pub(super) fn flat(value: Value) -> Result<Vec<RedisResult>, String> {
    let mut results = Vec::new();
    flatten(value, &mut results)?;
    Ok(results)
}

fn flatten(value: Value, results: &mut Vec<RedisResult>) -> Result<(), String> {
    match value {
        Value::Nil => results.push(RedisResult::Nil),
        Value::Int(number) => results.push(RedisResult::Int64(number)),
        Value::BulkString(bytes) => results.push(RedisResult::Binary(bytes)),
        Value::SimpleString(text) => results.push(RedisResult::Status(text)),
        Value::Okay => results.push(RedisResult::Status("OK".into())),
        Value::Array(values) | Value::Set(values) => {
            for value in values {
                flatten(value, results)?;
            }
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                flatten(key, results)?;
                flatten(value, results)?;
            }
        }
        other => return Err(format!("the server's answer has a form that is not served: {other:?}")),
    }
    Ok(())
}
