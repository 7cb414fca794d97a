//! One statement on a connection, from its parameters to its rows.

use super::{Answer, Error, Value};
use crate::MAX_ANSWER;
use rusqlite::{
    Connection, ErrorCode, Row, Statement, TransactionState, params_from_iter,
    types::{ToSqlOutput, Value as Stored, ValueRef},
};

/// Executes it. None if nothing came of it because another connection was in the way: it is to be tried again.
pub fn execute(
    connection: &Connection,
    statement: &str,
    parameters: &[Value],
) -> Result<Option<Answer>, Error> {
    let alone = connection.is_autocommit();
    let error = match run(connection, statement, parameters) {
        Ok(answer) => return Ok(Some(answer)),
        Err(Error::Sql(error)) => error,
        Err(other) => return Err(other),
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Err(Error::Full),
        Some(ErrorCode::OperationInterrupted) => Err(Error::Late),
        // Who has read and wants to write now may wait for one who waits for it: it has to begin again.
        Some(ErrorCode::DatabaseBusy)
            if connection.is_autocommit() == alone
                && !matches!(connection.transaction_state(Some("main")), Ok(TransactionState::Read)) =>
        {
            Ok(None)
        }
        _ => Err(Error::Sql(error)),
    }
}

fn run(connection: &Connection, statement: &str, parameters: &[Value]) -> Result<Answer, Error> {
    let mut prepared = connection.prepare(statement)?;
    let columns = prepared.column_names().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let rows = rows(&mut prepared, columns.len(), parameters)?;
    let (changes, last_insert) = (connection.changes(), connection.last_insert_rowid());
    Ok(Answer { columns, rows, changes, last_insert })
}

fn rows(
    prepared: &mut Statement<'_>,
    columns: usize,
    parameters: &[Value],
) -> Result<Vec<Vec<Value>>, Error> {
    let mut room = MAX_ANSWER;
    let mut rows = Vec::new();
    let mut given = prepared.query(params_from_iter(parameters))?;
    while let Some(row) = given.next()? {
        let row = (0..columns).map(|column| value(row, column)).collect::<Result<Vec<_>, _>>()?;
        let size = row.iter().map(Value::size).sum::<usize>();
        room = room.checked_sub(size).ok_or(Error::TooLarge)?;
        rows.push(row);
    }
    Ok(rows)
}

fn value(row: &Row<'_>, column: usize) -> Result<Value, Error> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
    })
}

impl Value {
    /// Bytes that it takes.
    fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Text(text) => text.len(),
                Self::Blob(bytes) => bytes.len(),
                Self::Integer(_) | Self::Real(_) | Self::Null => 0,
            }
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Integer(number) => ToSqlOutput::Owned(Stored::Integer(*number)),
            Self::Real(number) => ToSqlOutput::Owned(Stored::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Null => ToSqlOutput::Owned(Stored::Null),
        })
    }
}
