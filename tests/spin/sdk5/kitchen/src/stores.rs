//! Key-value stores, SQLite, Redis and variables.

use crate::{Query, one, said};
use serde_json::{Value, json};
use spin_sdk::{
    key_value::{self, Store},
    redis::{self, RedisParameter, RedisResult},
    sqlite3, variables,
};

/// `?do=set&key=…&value=…`, `get`, `exists`, `delete` or `keys`, of `?store=…` or the default one.
pub fn key_value(query: &Query) -> Value {
    let store = match query.get("store") {
        Some(name) => Store::open(name),
        None => Store::open_default(),
    };
    said(store.and_then(|store| in_store(&store, query)))
}

fn in_store(store: &Store, query: &Query) -> Result<Value, key_value::Error> {
    let key = one(query, "key");
    Ok(match one(query, "do") {
        "set" => {
            store.set(key, one(query, "value").as_bytes())?;
            json!("set")
        }
        "get" => json!(store.get(key)?.map(|value| String::from_utf8_lossy(&value).into_owned())),
        "exists" => json!(store.exists(key)?),
        "delete" => {
            store.delete(key)?;
            json!("deleted")
        }
        _ => {
            let mut keys = store.get_keys()?;
            keys.sort();
            json!(keys)
        }
    })
}

/// A value of every kind into a table of `?database=…` and out again, or `?statement=…` alone.
pub fn sqlite(query: &Query) -> Value {
    let database = match query.get("database") {
        Some(name) => sqlite3::Connection::open(name),
        None => sqlite3::Connection::open_default(),
    };
    said(database.and_then(|database| in_database(&database, query)))
}

fn in_database(database: &sqlite3::Connection, query: &Query) -> Result<Value, sqlite3::Error> {
    use sqlite3::Value::{Blob, Integer, Null, Real, Text};
    if let Some(statement) = query.get("statement") {
        return Ok(table(&database.execute(statement, &[])?));
    }
    database.execute("CREATE TABLE IF NOT EXISTS kinds (i INTEGER, r REAL, t TEXT, b BLOB, n)", &[])?;
    database.execute("DELETE FROM kinds", &[])?;
    let values = [Integer(i64::MIN), Real(0.5), Text("käse".to_owned()), Blob(vec![0, 255]), Null];
    database.execute("INSERT INTO kinds VALUES (?, ?, ?, ?, ?)", &values)?;
    let changes = database.changes();
    let row = database.last_insert_rowid();
    let rows = database.execute("SELECT i, r, t, b, n FROM kinds WHERE i = ?", &values[..1])?;
    Ok(json!({ "changes": changes, "row": row, "rows": table(&rows) }))
}

fn table(result: &sqlite3::QueryResult) -> Value {
    use sqlite3::Value::{Blob, Integer, Null, Real, Text};
    let value = |value: &sqlite3::Value| match value {
        Integer(number) => json!({ "integer": number.to_string() }),
        Real(number) => json!({ "real": number }),
        Text(text) => json!({ "text": text }),
        Blob(bytes) => json!({ "blob": bytes }),
        Null => json!("null"),
    };
    let rows: Vec<Vec<_>> = result.rows.iter().map(|row| row.values.iter().map(value).collect()).collect();
    json!({ "columns": result.columns, "rows": rows })
}

/// Every call that there is, at `?address=…`, on keys that begin with `?prefix=…`.
pub fn redis(query: &Query) -> Value {
    said(
        redis::Connection::open(one(query, "address"))
            .and_then(|redis| in_redis(&redis, one(query, "prefix"))),
    )
}

fn in_redis(redis: &redis::Connection, prefix: &str) -> Result<Value, redis::Error> {
    let key = |name: &str| format!("{prefix}{name}");
    let text = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    redis.set(&key("value"), &b"Eureka!".to_vec())?;
    let got = text(redis.get(&key("value"))?);
    let nothing = text(redis.get(&key("nothing"))?);
    let (first, second) = (redis.incr(&key("count"))?, redis.incr(&key("count"))?);
    let added = redis.sadd(&key("set"), &["a".to_owned(), "b".to_owned()])?;
    let removed = redis.srem(&key("set"), &["a".to_owned(), "c".to_owned()])?;
    let members = redis.smembers(&key("set"))?;
    redis.publish(&key("channel"), &b"news".to_vec())?;
    let arguments = [
        RedisParameter::Binary(key("value").into_bytes()),
        RedisParameter::Int64(0),
        RedisParameter::Int64(3),
    ];
    let range = results(&redis.execute("GETRANGE", &arguments)?);
    let nil = results(&redis.execute("GET", &[RedisParameter::Binary(key("nothing").into_bytes())])?);
    let number = results(&redis.execute("STRLEN", &arguments[..1])?);
    let status = results(&redis.execute("PING", &[])?);
    let wrong = redis.incr(&key("value")).err().map(|error| format!("{error:?}"));
    let unknown = redis.execute("NONSENSE", &[]).err().map(|error| format!("{error:?}"));
    let deleted = redis.del(&[key("value"), key("count"), key("set"), key("nothing")])?;
    Ok(json!({
        "got": got, "nothing": nothing, "counts": [first, second], "added": added, "removed": removed,
        "members": members, "range": range, "nil": nil, "number": number, "status": status, "wrong": wrong,
        "unknown": unknown, "deleted": deleted,
    }))
}

fn results(results: &[RedisResult]) -> Value {
    let result = |result: &RedisResult| match result {
        RedisResult::Nil => json!("nil"),
        RedisResult::Status(status) => json!({ "status": status }),
        RedisResult::Int64(number) => json!({ "int64": number }),
        RedisResult::Binary(bytes) => json!({ "binary": String::from_utf8_lossy(bytes) }),
    };
    results.iter().map(result).collect()
}

/// The variable of `?name=…`.
pub fn variable(query: &Query) -> Value {
    said(variables::get(one(query, "name")))
}
