//! `fermyon:spin/sqlite@2.0.0` and `spin:sqlite@3.x`: SQL on databases that the manifest grants.

use super::wit::fermyon::spin::sqlite as v2;
use crate::guest::State;
use corral_spin::sqlite::{self as backend, Connection, Database, Value};
use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};
use wasmtime::component::Resource;

/// A database that a component has open.
#[derive(Clone)]
pub struct Open {
    connection: Connection,
    last: Arc<Last>,
}

/// What the last statement that changed something has changed.
#[derive(Default)]
struct Last {
    insert: AtomicI64,
    changes: AtomicU64,
}

type Handle = Resource<Open>;

impl Open {
    pub(super) fn new(database: &Database) -> Self {
        Self { connection: database.connect(), last: Arc::default() }
    }

    pub(super) async fn execute(
        &self,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<backend::Answer, backend::Error> {
        let answer = self.connection.execute(statement, parameters).await?;
        self.last.insert.store(answer.last_insert, Relaxed);
        self.last.changes.store(answer.changes, Relaxed);
        Ok(answer)
    }

    pub(super) fn last_insert(&self) -> i64 {
        self.last.insert.load(Relaxed)
    }

    pub(super) fn changes(&self) -> u64 {
        self.last.changes.load(Relaxed)
    }
}

impl v2::Host for State {}

impl v2::HostConnection for State {
    async fn open(&mut self, database: String) -> wasmtime::Result<Result<Handle, v2::Error>> {
        let Some(database) = self.component()?.sqlite.get(&database).cloned() else {
            return Ok(Err(v2::Error::AccessDenied));
        };
        if !self.opened() {
            self.closed();
            return Ok(Err(v2::Error::Io("too many open databases".into())));
        }
        Ok(Ok(self.table.push(Open::new(&database))?))
    }

    async fn execute(
        &mut self,
        connection: Handle,
        statement: String,
        parameters: Vec<v2::Value>,
    ) -> wasmtime::Result<Result<v2::QueryResult, v2::Error>> {
        let open = self.table.get(&connection)?.clone();
        let parameters = parameters.into_iter().map(Value::from).collect();
        let calls = self.services.calls.of("spin-sqlite");
        let answer = calls.time("execute", open.execute(statement, parameters)).await;
        Ok(answer.map(v2::QueryResult::from).map_err(v2::Error::from))
    }

    async fn drop(&mut self, connection: Handle) -> wasmtime::Result<()> {
        self.closed();
        self.table.delete(connection)?;
        Ok(())
    }
}

impl From<v2::Value> for Value {
    fn from(value: v2::Value) -> Self {
        match value {
            v2::Value::Integer(number) => Self::Integer(number),
            v2::Value::Real(number) => Self::Real(number),
            v2::Value::Text(text) => Self::Text(text),
            v2::Value::Blob(bytes) => Self::Blob(bytes),
            v2::Value::Null => Self::Null,
        }
    }
}

impl From<Value> for v2::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Integer(number) => Self::Integer(number),
            Value::Real(number) => Self::Real(number),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Blob(bytes),
            Value::Null => Self::Null,
        }
    }
}

impl From<backend::Answer> for v2::QueryResult {
    fn from(answer: backend::Answer) -> Self {
        let row =
            |values: Vec<Value>| v2::RowResult { values: values.into_iter().map(v2::Value::from).collect() };
        Self { columns: answer.columns, rows: answer.rows.into_iter().map(row).collect() }
    }
}

impl From<backend::Error> for v2::Error {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::Full => Self::DatabaseFull,
            other => Self::Io(other.to_string()),
        }
    }
}
