//! SQLite databases: what the SQL of a guest does, what it may not do, and that users do not meet in a connection.

use corral_spin::sqlite::{Connection, Database, Error, Value};
use std::time::Duration;
use tokio::{
    task::{JoinSet, yield_now},
    time::timeout,
};

const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

async fn ask(connection: &Connection, statement: &str) -> Result<Vec<Vec<Value>>, Error> {
    connection.execute(statement.to_owned(), Vec::new()).await.map(|answer| answer.rows)
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Database::new(&folder.path().join("below/one.db")).connect();
    ask(&connection, "CREATE TABLE all_kinds (a, b, c, d, e)").await.unwrap();
    let row = vec![
        Value::Integer(-7),
        Value::Real(0.5),
        Value::Text("five".into()),
        Value::Blob(vec![0, 255]),
        Value::Null,
    ];
    let inserted =
        connection.execute("INSERT INTO all_kinds VALUES (?1, ?2, ?3, ?4, ?5)".into(), row.clone()).await;
    let inserted = inserted.unwrap();
    assert_eq!((inserted.changes, inserted.last_insert), (1, 1));
    let answer = connection.execute("SELECT * FROM all_kinds".into(), Vec::new()).await.unwrap();
    assert_eq!(answer.columns, ["a", "b", "c", "d", "e"]);
    assert_eq!(answer.rows, [row]);
}

#[tokio::test]
async fn no_other_file_is_in_reach() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Database::new(&folder.path().join("own.db")).connect();
    ask(&connection, "CREATE TABLE here (a)").await.unwrap();
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
        let refused = connection.execute(statement.clone(), named).await.unwrap_err().to_string();
        assert!(refused.contains("authoriz"), "{statement}: {refused}");
    }
    assert!(!folder.path().join("other.db").exists());
}

#[tokio::test]
async fn what_the_whole_process_has_in_common_is_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Database::new(&folder.path().join("own.db")).connect();
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
        let refused = ask(&connection, statement).await.unwrap_err().to_string();
        assert!(refused.contains("authoriz") || refused.contains("prohibited"), "{statement}: {refused}");
    }
    ask(&connection, "CREATE VIRTUAL TABLE words USING fts5 (text)").await.unwrap();
    let refused = ask(&connection, "DELETE FROM words_data").await.unwrap_err().to_string();
    assert!(refused.contains("may not be modified"), "{refused}");
}

#[tokio::test]
async fn what_concerns_the_own_file_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Database::new(&folder.path().join("own.db")).connect();
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
        ask(&connection, statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

#[tokio::test]
async fn values_patterns_and_memory_have_a_largest_size() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Database::new(&folder.path().join("own.db")).connect();
    assert_eq!(ask(&connection, "SELECT length(zeroblob(64 << 20))").await.unwrap(), number(64 << 20));
    for statement in
        ["SELECT length(zeroblob((64 << 20) + 1))", "SELECT 'x' LIKE replace(hex(zeroblob(501)), '0', '_')"]
    {
        let refused = ask(&connection, statement).await.unwrap_err().to_string();
        assert!(refused.contains("too big") || refused.contains("too complex"), "{statement}: {refused}");
    }
    let other = rusqlite::Connection::open_in_memory().unwrap();
    let limit = other.pragma_query_value(None, "hard_heap_limit", |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(limit, 2 << 30, "for all of the process");
}

#[tokio::test]
async fn a_statement_that_would_not_end_is_interrupted_and_the_next_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Database::new(&folder.path().join("own.db")).connect();
    assert!(matches!(ask(&connection, ENDLESS).await, Err(Error::Late)));
    assert_eq!(ask(&connection, "SELECT 1").await.unwrap(), number(1));
}

#[tokio::test]
async fn a_statement_that_nobody_waits_for_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Database::new(&folder.path().join("own.db")).connect();
    ask(&connection, "CREATE TABLE here (a)").await.unwrap();
    assert!(timeout(Duration::from_millis(100), ask(&connection, ENDLESS)).await.is_err());
    assert_eq!(ask(&connection, "SELECT count(*) FROM here").await.unwrap(), number(0));
}

#[test]
fn statements_that_do_not_end_leave_threads_for_other_databases() {
    // One more than one database may take, and fewer than there are statements.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(9).enable_time().build();
    runtime.unwrap().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let greedy = Database::new(&folder.path().join("greedy.db"));
        let mut endless = JoinSet::new();
        for _ in 0..64 {
            let connection = greedy.connect();
            endless.spawn(async move { ask(&connection, ENDLESS).await });
            yield_now().await;
        }
        let other = Database::new(&folder.path().join("other.db")).connect();
        assert_eq!(ask(&other, "SELECT 1").await.unwrap(), number(1));
        assert!(endless.try_join_next().is_none(), "while they run and wait");
    });
}

#[tokio::test]
async fn a_connection_has_a_bounded_queue() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Database::new(&folder.path().join("own.db")).connect();
    let asked = (0..65).map(|_| {
        let connection = connection.clone();
        async move { ask(&connection, ENDLESS).await }
    });
    let mut asked = asked.collect::<JoinSet<_>>();
    assert!(matches!(asked.join_next().await, Some(Ok(Err(Error::Busy)))), "one too many");
}

#[tokio::test]
async fn a_transaction_whose_user_has_left_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(&folder.path().join("own.db"));
    let (leaving, staying) = (database.connect(), database.connect());
    ask(&staying, "CREATE TABLE here (a)").await.unwrap();
    ask(&leaving, "BEGIN").await.unwrap();
    ask(&leaving, "INSERT INTO here VALUES (1)").await.unwrap();
    assert_eq!(ask(&staying, "SELECT count(*) FROM here").await.unwrap(), number(0));
    drop(leaving);
    ask(&staying, "INSERT INTO here VALUES (2)").await.unwrap();
    assert_eq!(ask(&staying, "SELECT a FROM here").await.unwrap(), number(2));
}

#[tokio::test]
async fn connections_share_nothing_but_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(&folder.path().join("own.db"));
    let (one, other) = (database.connect(), database.connect());
    ask(&one, "CREATE TABLE here (a INTEGER PRIMARY KEY)").await.unwrap();
    ask(&one, "INSERT INTO here VALUES (7)").await.unwrap();
    ask(&one, "CREATE TEMP TABLE passing (a)").await.unwrap();
    ask(&one, "PRAGMA foreign_keys = OFF").await.unwrap();
    assert!(ask(&other, "SELECT * FROM passing").await.unwrap_err().to_string().contains("no such table"));
    assert_eq!(ask(&other, "PRAGMA foreign_keys").await.unwrap(), number(1));
    let answer = other.execute("SELECT a FROM here".into(), Vec::new()).await.unwrap();
    assert_eq!((answer.rows, answer.changes, answer.last_insert), (number(7), 0, 0));
}

#[tokio::test]
async fn who_writes_is_not_kept_waiting_by_those_who_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(&folder.path().join("own.db"));
    ask(&database.connect(), "CREATE TABLE counts (n)").await.unwrap();
    ask(&database.connect(), "INSERT INTO counts VALUES (0)").await.unwrap();
    // More than may run at a time, and each has many statements to wait with.
    let counting = (0..24).map(|_| {
        let connection = database.connect();
        async move {
            ask(&connection, "BEGIN IMMEDIATE").await.unwrap();
            ask(&connection, "UPDATE counts SET n = n + 1").await.unwrap();
            for _ in 0..20 {
                ask(&connection, "SELECT n FROM counts").await.unwrap();
            }
            ask(&connection, "COMMIT").await.unwrap();
        }
    });
    counting.collect::<JoinSet<_>>().join_all().await;
    assert_eq!(ask(&database.connect(), "SELECT n FROM counts").await.unwrap(), number(24));
}

#[tokio::test]
async fn those_who_wait_for_a_writer_keep_no_reader_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(&folder.path().join("own.db"));
    let writer = database.connect();
    ask(&writer, "CREATE TABLE here (a)").await.unwrap();
    ask(&writer, "BEGIN IMMEDIATE").await.unwrap();
    let mut waiting = JoinSet::new();
    for _ in 0..12 {
        let connection = database.connect();
        waiting.spawn(async move { ask(&connection, "INSERT INTO here VALUES (1)").await });
        yield_now().await;
    }
    assert_eq!(ask(&database.connect(), "SELECT count(*) FROM here").await.unwrap(), number(0));
    assert!(waiting.try_join_next().is_none(), "while the others wait");
    ask(&writer, "COMMIT").await.unwrap();
    for inserted in waiting.join_all().await {
        inserted.unwrap();
    }
}

#[tokio::test]
async fn who_has_read_and_is_in_the_way_of_a_writer_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(&folder.path().join("own.db"));
    let (one, other) = (database.connect(), database.connect());
    ask(&one, "CREATE TABLE here (a)").await.unwrap();
    for connection in [&one, &other] {
        ask(connection, "BEGIN").await.unwrap();
        ask(connection, "SELECT * FROM here").await.unwrap();
    }
    ask(&one, "INSERT INTO here VALUES (1)").await.unwrap();
    assert!(matches!(ask(&other, "INSERT INTO here VALUES (2)").await, Err(Error::Sql(_))));
    ask(&other, "ROLLBACK").await.unwrap();
    ask(&one, "COMMIT").await.unwrap();
}

fn number(number: i64) -> Vec<Vec<Value>> {
    vec![vec![Value::Integer(number)]]
}
