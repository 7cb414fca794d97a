//! `spin:sqlite@3.x`, with and without waiting.

use super::Concurrent;
use crate::{
    guest::State,
    imports::spin::{
        sqlite::Open,
        wit::spin::sqlite::sqlite::{
            Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value,
        },
    },
};
use corral_spin::sqlite as backend;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

type Handle = Resource<Open>;

/// The columns' names, the rows as they come, and whether all have come.
type Rows = (Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>);

impl Host for State {}

impl State {
    fn open_database(&mut self, label: &str) -> wasmtime::Result<Result<Handle, Error>> {
        let Some(database) = self.component()?.sqlite.get(label).cloned() else {
            return Ok(Err(Error::AccessDenied));
        };
        if !self.opened() {
            self.closed();
            return Ok(Err(Error::Io("too many open databases".into())));
        }
        Ok(Ok(self.table.push(Open::new(&database))?))
    }
}

impl HostConnection for State {
    async fn open(&mut self, database: String) -> wasmtime::Result<Result<Handle, Error>> {
        self.open_database(&database)
    }

    async fn execute(
        &mut self,
        connection: Handle,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<QueryResult, Error>> {
        let open = self.table.get(&connection)?.clone();
        let answer =
            open.execute(statement, parameters.into_iter().map(backend::Value::from).collect()).await;
        Ok(match answer {
            Ok(answer) => Ok(QueryResult { columns: answer.columns, rows: rows(answer.rows) }),
            Err(error) => Err(error.into()),
        })
    }

    async fn last_insert_rowid(&mut self, connection: Handle) -> wasmtime::Result<i64> {
        Ok(self.table.get(&connection)?.last_insert())
    }

    async fn changes(&mut self, connection: Handle) -> wasmtime::Result<u64> {
        Ok(self.table.get(&connection)?.changes())
    }

    async fn drop(&mut self, connection: Handle) -> wasmtime::Result<()> {
        self.closed();
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send> HostConnectionWithStore<T> for Concurrent {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        database: String,
    ) -> wasmtime::Result<Result<Handle, Error>> {
        accessor.with(|mut access| access.get().open_database(&database))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Handle,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<Rows, Error>> {
        let open = opened(accessor, &connection)?;
        let parameters = parameters.into_iter().map(backend::Value::from).collect();
        let answer = match open.execute(statement, parameters).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error.into())),
        };
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, rows(answer.rows))?;
            let ended = FutureReader::new(&mut access, async { Ok::<_, wasmtime::Error>(Ok(())) })?;
            Ok(Ok((answer.columns, rows, ended)))
        })
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<T, Self>,
        connection: Handle,
    ) -> wasmtime::Result<i64> {
        Ok(opened(accessor, &connection)?.last_insert())
    }

    async fn changes_async(accessor: &Accessor<T, Self>, connection: Handle) -> wasmtime::Result<u64> {
        Ok(opened(accessor, &connection)?.changes())
    }
}

fn opened<T: Send>(accessor: &Accessor<T, Concurrent>, connection: &Handle) -> wasmtime::Result<Open> {
    accessor.with(|mut access| Ok(access.get().table.get(connection)?.clone()))
}

fn rows(rows: Vec<Vec<backend::Value>>) -> Vec<RowResult> {
    let row =
        |values: Vec<backend::Value>| RowResult { values: values.into_iter().map(Value::from).collect() };
    rows.into_iter().map(row).collect()
}

impl From<Value> for backend::Value {
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

impl From<backend::Value> for Value {
    fn from(value: backend::Value) -> Self {
        match value {
            backend::Value::Integer(number) => Self::Integer(number),
            backend::Value::Real(number) => Self::Real(number),
            backend::Value::Text(text) => Self::Text(text),
            backend::Value::Blob(bytes) => Self::Blob(bytes),
            backend::Value::Null => Self::Null,
        }
    }
}

impl From<backend::Error> for Error {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::Full => Self::DatabaseFull,
            other => Self::Io(other.to_string()),
        }
    }
}
