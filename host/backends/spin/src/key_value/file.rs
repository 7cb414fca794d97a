//! Key-value stores in a SQLite file, in the table that Spin keeps.

use super::Error;
use crate::MAX_ANSWER;
use corral_store::{Database, Schema, deadline};
use rusqlite::{OptionalExtension, Transaction, params};
use std::path::Path;

const SCHEMA: Schema = Schema { part: "spin_key_value", migrations: &[include_str!("schema.sql")] };

/// The file. Clones share it.
#[derive(Clone)]
pub struct File(Database);

impl File {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let (database, ()) = Database::open(path, &SCHEMA, |_| Ok::<_, corral_store::Error>(()))?;
        Ok(Self(database))
    }

    pub(super) async fn get(
        &self,
        store: &str,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, Error> {
        let store = store.to_owned();
        self.0
            .read(deadline(), move |at| {
                let mut room = MAX_ANSWER;
                let mut entries = Vec::with_capacity(keys.len());
                for key in keys {
                    let value = value(at, &store, &key)?;
                    let length = value.as_ref().map_or(0, Vec::len);
                    room = room.checked_sub(length).ok_or(Error::TooLarge(MAX_ANSWER))?;
                    entries.push((key, value));
                }
                Ok(entries)
            })
            .await
    }

    pub(super) async fn set(&self, store: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let store = store.to_owned();
        self.0
            .write(deadline(), move |at| {
                entries.iter().try_for_each(|(key, value)| put(at, &store, key, value))
            })
            .await
    }

    pub(super) async fn delete(&self, store: &str, keys: Vec<String>) -> Result<(), Error> {
        let store = store.to_owned();
        self.0
            .erase(deadline(), move |at| {
                let mut delete =
                    at.prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
                for key in keys {
                    delete.execute([&store, &key])?;
                }
                Ok(())
            })
            .await
    }

    pub(super) async fn exists(&self, store: &str, key: &str) -> Result<bool, Error> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.0
            .read(deadline(), move |at| {
                let mut look =
                    at.prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
                Ok(look.exists([&store, &key])?)
            })
            .await
    }

    pub(super) async fn keys(&self, store: &str) -> Result<Vec<String>, Error> {
        let store = store.to_owned();
        self.0
            .read(deadline(), move |at| {
                let mut list = at.prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?;
                let mut room = MAX_ANSWER;
                let mut keys = Vec::new();
                for key in list.query_map([&store], |row| row.get::<_, String>(0))? {
                    let key = key?;
                    room = room.checked_sub(key.len()).ok_or(Error::TooLarge(MAX_ANSWER))?;
                    keys.push(key);
                }
                Ok(keys)
            })
            .await
    }

    pub(super) async fn increment(&self, store: &str, key: &str, delta: i64) -> Result<i64, Error> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.0
            .write(deadline(), move |at| {
                let number = |value: Vec<u8>| String::from_utf8(value).ok()?.trim().parse::<i64>().ok();
                let sum = match value(at, &store, &key)? {
                    None => Some(delta),
                    Some(value) => number(value).and_then(|before| before.checked_add(delta)),
                };
                let sum = sum.ok_or_else(|| Error::NotANumber(key.clone()))?;
                put(at, &store, &key, sum.to_string().as_bytes())?;
                Ok(sum)
            })
            .await
    }

    pub(super) async fn swap(
        &self,
        store: &str,
        key: &str,
        was: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Result<Result<(), Option<Vec<u8>>>, Error> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.0
            .write(deadline(), move |at| {
                let is = value(at, &store, &key)?;
                if is != was {
                    return Ok(Err(is));
                }
                put(at, &store, &key, &new).map(Ok)
            })
            .await
    }
}

fn value(at: &Transaction<'_>, store: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
    let mut get = at.prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
    Ok(get.query_row([store, key], |row| row.get(0)).optional()?)
}

fn put(at: &Transaction<'_>, store: &str, key: &str, value: &[u8]) -> Result<(), Error> {
    let mut set = at.prepare_cached(
        "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (store, key) DO UPDATE SET value = ?3",
    )?;
    set.execute(params![store, key, value])?;
    Ok(())
}
