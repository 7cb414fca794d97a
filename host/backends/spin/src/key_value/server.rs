//! A key-value store on a Redis server: every key of its database, as Spin has it.

use super::Error;
use crate::{
    MAX_ANSWER,
    redis::{Address, Pool},
};
use redis::cmd;
use std::collections::BTreeSet;

/// How many keys the server looks at in one step.
const STEP: usize = 1_000;

/// Sets a key if its value is still the one it was; an empty first argument says that there was none.
const SWAP: &str = "local is = redis.call('GET', KEYS[1])
if (ARGV[1] == '' and is == false) or (ARGV[1] == '1' and is == ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[3])
  return {1, false}
end
return {0, is}";

/// The server and its connections.
pub struct Server {
    address: Address,
    pool: Pool,
}

impl Server {
    pub(super) fn new(address: &str) -> Result<Self, Error> {
        Ok(Self { address: Address::parse(address)?, pool: Pool::default() })
    }

    pub(super) async fn get(&self, keys: Vec<String>) -> Result<Vec<(String, Option<Vec<u8>>)>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let values: Vec<Option<Vec<u8>>> = self.ask(cmd("MGET").arg(&keys)).await?;
        if values.iter().flatten().map(Vec::len).sum::<usize>() > MAX_ANSWER {
            return Err(Error::TooLarge(MAX_ANSWER));
        }
        Ok(keys.into_iter().zip(values).collect())
    }

    pub(super) async fn set(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut set = cmd("MSET");
        for (key, value) in &entries {
            set.arg(key).arg(value);
        }
        self.ask(&set).await
    }

    pub(super) async fn delete(&self, keys: Vec<String>) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        self.ask(cmd("DEL").arg(&keys)).await
    }

    pub(super) async fn exists(&self, key: &str) -> Result<bool, Error> {
        self.ask(cmd("EXISTS").arg(key)).await
    }

    /// By SCAN, which does not hold up the server's other clients as KEYS does. A key may come twice while others write.
    pub(super) async fn keys(&self) -> Result<Vec<String>, Error> {
        let (mut cursor, mut room) = (0_u64, MAX_ANSWER);
        let mut keys = BTreeSet::new();
        loop {
            let (next, some): (u64, Vec<String>) =
                self.ask(cmd("SCAN").arg(cursor).arg("COUNT").arg(STEP)).await?;
            for key in some {
                room = room.checked_sub(key.len()).ok_or(Error::TooLarge(MAX_ANSWER))?;
                keys.insert(key);
            }
            if next == 0 {
                return Ok(keys.into_iter().collect());
            }
            cursor = next;
        }
    }

    pub(super) async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        self.ask(cmd("INCRBY").arg(key).arg(delta)).await.map_err(|error| match error {
            Error::Server(crate::redis::Error::WrongType(_)) => Error::NotANumber(key.to_owned()),
            other => other,
        })
    }

    pub(super) async fn swap(
        &self,
        key: &str,
        was: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Result<Result<(), Option<Vec<u8>>>, Error> {
        let known = if was.is_some() { "1" } else { "" };
        let mut call = cmd("EVAL");
        call.arg(SWAP).arg(1).arg(key).arg(known).arg(was.unwrap_or_default()).arg(new);
        let (done, is): (bool, Option<Vec<u8>>) = self.ask(&call).await?;
        Ok(if done { Ok(()) } else { Err(is) })
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Error> {
        let mut connection = self.pool.open(&self.address).await?;
        Ok(connection.ask(command).await?)
    }
}
