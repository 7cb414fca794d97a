//! SQLite databases that components write SQL for.
//!
//! The SQL is theirs, so it is held in bounds: a statement is interrupted when its time is over, its rows have a
//! largest size, and it can reach no other file.

mod bounds;

use crate::{MAX_ANSWER, PATIENCE};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, Row, Statement,
    config::DbConfig,
    params_from_iter,
    types::{ToSqlOutput, Value as Stored, ValueRef},
};
use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::task::spawn_blocking;

/// Instructions of SQLite's machine between two looks at the clock.
const LOOK: i32 = 10_000;

/// A database. Clones share it; statements of all its users come one after the other.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

/// A value of a row or a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// Nothing.
    Null,
}

/// What a statement gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows' values, one for each column.
    pub rows: Vec<Vec<Value>>,
    /// Rows that the last INSERT, UPDATE or DELETE has changed.
    pub changes: u64,
    /// The id of the row that was inserted last.
    pub last_insert: i64,
}

/// Why a statement was not executed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite says so.
    #[error("{0}")]
    Sql(#[from] rusqlite::Error),
    /// The file's disk is full, or its largest size is reached.
    #[error("the database is full")]
    Full,
    /// The time for it was over.
    #[error("the statement was interrupted after {PATIENCE:?}")]
    Late,
    /// More rows than are given at once.
    #[error("the rows are longer than {MAX_ANSWER} bytes")]
    TooLarge,
    /// The folder of the file could not be made.
    #[error("making the database's folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The work was given up: the host is stopping.
    #[error("the host is stopping")]
    Stopped,
}

impl Database {
    /// A database in a file, which is made when it is first used.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(Arc::new(Inner { path: path.to_owned(), connection: Mutex::default() }))
    }

    /// Executes one statement.
    ///
    /// # Errors
    /// As SQLite says, or a bound.
    pub async fn execute(&self, statement: String, parameters: Vec<Value>) -> Result<Answer, Error> {
        let inner = self.0.clone();
        spawn_blocking(move || inner.execute(&statement, &parameters))
            .await
            .map_err(|_given_up| Error::Stopped)?
    }
}

impl Inner {
    fn execute(&self, statement: &str, parameters: &[Value]) -> Result<Answer, Error> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.is_none() {
            *connection = Some(open(&self.path)?);
        }
        let Some(connection) = connection.as_ref() else { return Err(Error::Stopped) };
        let until = Instant::now() + PATIENCE;
        connection.progress_handler(LOOK, Some(move || Instant::now() >= until))?;
        run(connection, statement, parameters).map_err(|error| match error {
            Error::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Error::Full,
                Some(ErrorCode::OperationInterrupted) => Error::Late,
                _ => Error::Sql(error),
            },
            other => other,
        })
    }
}

fn open(path: &Path) -> Result<Connection, Error> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // No URI flag: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Not even its own tables' inner form may be written by hand.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.authorizer(Some(bounds::authorize))?;
    Ok(connection)
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(database: &Database, statement: &str) -> Result<Vec<Vec<Value>>, Error> {
        database.execute(statement.to_owned(), Vec::new()).await.map(|answer| answer.rows)
    }

    #[tokio::test]
    async fn every_kind_of_value_comes_back_as_it_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(&folder.path().join("below/one.db"));
        ask(&database, "CREATE TABLE all_kinds (a, b, c, d, e)").await.unwrap();
        let row = vec![
            Value::Integer(-7),
            Value::Real(0.5),
            Value::Text("five".into()),
            Value::Blob(vec![0, 255]),
            Value::Null,
        ];
        let inserted =
            database.execute("INSERT INTO all_kinds VALUES (?1, ?2, ?3, ?4, ?5)".into(), row.clone()).await;
        let inserted = inserted.unwrap();
        assert_eq!((inserted.changes, inserted.last_insert), (1, 1));
        let answer = database.execute("SELECT * FROM all_kinds".into(), Vec::new()).await.unwrap();
        assert_eq!(answer.columns, ["a", "b", "c", "d", "e"]);
        assert_eq!(answer.rows, [row]);
    }

    #[tokio::test]
    async fn no_other_file_is_in_reach() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(&folder.path().join("own.db"));
        ask(&database, "CREATE TABLE here (a)").await.unwrap();
        let other = folder.path().join("other.db").display().to_string();
        let statements = [
            format!("ATTACH '{other}' AS other"),
            format!("ATTACH '{other}' || '' AS other"),
            format!("ATTACH (SELECT '{other}') AS other"),
            "ATTACH ?1 AS other".to_owned(),
            format!("VACUUM INTO '{other}'"),
            "VACUUM INTO ?1".to_owned(),
        ];
        for statement in statements {
            let named = if statement.contains("?1") { vec![Value::Text(other.clone())] } else { Vec::new() };
            let refused = database.execute(statement.clone(), named).await.unwrap_err().to_string();
            assert!(refused.contains("authoriz"), "{statement}: {refused}");
        }
        assert!(!folder.path().join("other.db").exists());
    }

    #[tokio::test]
    async fn what_the_whole_process_has_in_common_is_out_of_reach() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(&folder.path().join("own.db"));
        let statements = [
            "PRAGMA hard_heap_limit = 1",
            "PRAGMA soft_heap_limit = 1",
            "PRAGMA main.hard_heap_limit(1)",
            "SELECT * FROM pragma_soft_heap_limit",
            "PRAGMA temp_store_directory = '/tmp'",
            "PRAGMA temp_store_directory",
            "PRAGMA database_list",
            "SELECT file FROM pragma_database_list",
            "PRAGMA threads = 8",
            "PRAGMA mmap_size = 1000000",
            "PRAGMA cache_size = -1000000",
            "PRAGMA temp_store = memory",
            "PRAGMA journal_mode = off",
            "PRAGMA locking_mode = exclusive",
            "PRAGMA writable_schema = on",
            "SELECT load_extension('x')",
        ];
        for statement in statements {
            let refused = ask(&database, statement).await.unwrap_err().to_string();
            assert!(refused.contains("authoriz") || refused.contains("prohibited"), "{statement}: {refused}");
        }
        ask(&database, "CREATE VIRTUAL TABLE words USING fts5 (text)").await.unwrap();
        let refused = ask(&database, "DELETE FROM words_data").await.unwrap_err().to_string();
        assert!(refused.contains("may not be modified"), "{refused}");
    }

    #[tokio::test]
    async fn what_concerns_the_own_file_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(&folder.path().join("own.db"));
        let statements = [
            "PRAGMA journal_mode = WAL",
            "PRAGMA wal_checkpoint(TRUNCATE)",
            "CREATE TABLE here (a INTEGER PRIMARY KEY, b TEXT)",
            "CREATE INDEX by_b ON here (b)",
            "CREATE VIEW seen AS SELECT b FROM here",
            "CREATE TRIGGER kept AFTER INSERT ON here BEGIN UPDATE here SET b = upper(b) WHERE a = new.a; END",
            "CREATE VIRTUAL TABLE words USING fts5 (text)",
            "CREATE TEMP TABLE passing (a)",
            "BEGIN",
            "SAVEPOINT one",
            "INSERT INTO here (b) VALUES ('x') RETURNING a",
            "INSERT INTO words VALUES ('x')",
            "RELEASE one",
            "COMMIT",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n",
            "ALTER TABLE here ADD COLUMN c",
            "ALTER TABLE here RENAME COLUMN c TO d",
            "ALTER TABLE here DROP COLUMN d",
            "REINDEX",
            "ANALYZE",
            "VACUUM",
            "PRAGMA user_version = 7",
            "PRAGMA foreign_keys = OFF",
            "PRAGMA TABLE_INFO(here)",
            "SELECT name FROM pragma_table_info('here')",
            "PRAGMA main.index_list('here')",
            "PRAGMA foreign_key_check",
            "PRAGMA integrity_check",
            "PRAGMA optimize",
            "PRAGMA synchronous = NORMAL",
            "PRAGMA cache_size",
            "ATTACH ':memory:' AS scratch",
            "DETACH scratch",
            "DELETE FROM here",
            "DROP TABLE words",
            "DROP TRIGGER kept",
            "DROP VIEW seen",
            "DROP INDEX by_b",
            "DROP TABLE here",
        ];
        for statement in statements {
            ask(&database, statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    #[tokio::test]
    async fn a_statement_that_would_not_end_is_interrupted_and_the_next_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(&folder.path().join("own.db"));
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        assert!(matches!(ask(&database, endless).await, Err(Error::Late)));
        assert_eq!(ask(&database, "SELECT 1").await.unwrap(), [[Value::Integer(1)]]);
    }
}
