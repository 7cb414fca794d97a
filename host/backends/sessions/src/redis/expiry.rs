//! Telling of sessions that have expired: Redis removes them by itself and says nothing.
//!
//! The index holds when each session is due by the last use that this program knows of. Whether it is gone
//! is asked of the document, because other clients may have used it since.

use super::{Request, Store, expiry, scripts};
use crate::{Error, limits, moment::Moment};
use std::time::Duration;

/// As the server says it: there is no such key.
const GONE: i64 = -2;
/// How often a sweep that found only living sessions looks for further ones.
const ROUNDS: usize = 4;

impl Store {
    pub async fn expired(&self) -> Result<Vec<String>, Error> {
        let find = async {
            for _ in 0..ROUNDS {
                let due = self.due().await?;
                let seen = due.len();
                let gone = self.gone(due).await?;
                if !gone.is_empty() || seen < limits::EXPIRED as usize {
                    return Ok(gone);
                }
            }
            Ok(Vec::new())
        };
        self.bounded(find).await
    }

    pub async fn purge(&self, id: &str) -> Result<(), Error> {
        let Ok(keys) = self.keys(id) else { return Ok(()) };
        let mut script = self.keyed(&scripts::PURGE, &keys);
        script.arg(id);
        let purge = async {
            let gone: bool = self.script(&keys, &script).await?;
            if gone && self.clustered {
                self.forget(&[id]).await?;
            }
            Ok(())
        };
        self.bounded(purge).await
    }

    /// The ids that were due to expire by now, the longest first.
    async fn due(&self) -> Result<Vec<String>, Error> {
        let index = self.names.index();
        let find = redis::cmd("ZRANGEBYSCORE")
            .arg(&index)
            .arg("-inf")
            .arg(Moment::now().milliseconds())
            .arg("LIMIT")
            .arg(0)
            .arg(limits::EXPIRED)
            .to_owned();
        let due: Vec<Vec<u8>> = self.command(&index, &find).await?;
        Ok(due.into_iter().map(|id| String::from_utf8_lossy(&id).into_owned()).collect())
    }

    /// Those of which the document is gone. The others are noted for when they are due now.
    async fn gone(&self, due: Vec<String>) -> Result<Vec<String>, Error> {
        // What is no id was not put there by us, and nothing can be held for it.
        let (due, strange): (Vec<_>, Vec<_>) = due.into_iter().partition(|id| self.keys(id).is_ok());
        if !strange.is_empty() {
            self.forget(&strange.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        }
        let left = self.left(&due).await?;
        let index = self.names.index();
        let mut note = redis::cmd("ZADD");
        // Only those that are still there: one may have been deleted since.
        note.arg(&index).arg("XX");
        let (mut gone, mut living) = (Vec::new(), 0);
        for (id, left) in due.into_iter().zip(left) {
            if left == GONE {
                gone.push(id);
                continue;
            }
            let left = u64::try_from(left).map_or(self.expire_after, Duration::from_millis);
            note.arg(expiry(left)).arg(id);
            living += 1;
        }
        if living > 0 {
            self.command::<()>(&index, &note).await?;
        }
        Ok(gone)
    }

    /// How many milliseconds each session has left.
    async fn left(&self, ids: &[String]) -> Result<Vec<i64>, Error> {
        let mut left = Vec::with_capacity(ids.len());
        let mut pipeline = redis::pipe();
        for id in ids {
            let key = self.keys(id)?.document;
            let ask = redis::cmd("PTTL").arg(&key).to_owned();
            // A cluster keeps them in different places.
            if self.clustered {
                left.push(self.command(&key, &ask).await?);
            } else {
                pipeline.add_command(ask);
            }
        }
        if self.clustered || ids.is_empty() {
            return Ok(left);
        }
        let answer = self.line.ask(Request::Pipeline(&pipeline)).await;
        answer.map_err(|error| super::unavailable("times to live", &error))
    }

    async fn forget(&self, ids: &[&str]) -> Result<(), Error> {
        let index = self.names.index();
        self.command(&index, &redis::cmd("ZREM").arg(&index).arg(ids).to_owned()).await
    }
}
