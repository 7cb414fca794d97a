//! Moving whole sessions out of the store and into it.
//!
//! Keys are found by `SCAN`, a bounded number at a time: there is no list of sessions that other programs
//! would keep. Not here: comparing and resuming (`corral migrate`).

use super::{
    Document, Request, Seen, Store, Unreadable, Written, document,
    failure::{is_of_the_key, words},
    keys::Keys,
    text_of, unavailable,
};
use crate::{Error, Page, Record, Unread};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::Instant;

/// How many keys the server looks at in one step.
const STEP: u32 = 32;
/// A page has at most this many records, but for the last step's.
const RECORDS: u32 = 1000;
/// A page ends once its documents add up to this, or after this long.
const BYTES: usize = 64 << 20;
const TIME: Duration = Duration::from_secs(2);

/// Where a page begins: which server, and the server's own cursor.
struct Position {
    /// `host:port`; empty if there is but one.
    node: String,
    cursor: u64,
}

impl Position {
    fn parse(cursor: &str) -> Result<Self, Error> {
        let (number, node) = cursor.split_once('@').unwrap_or((cursor, ""));
        let cursor = number.parse().map_err(|error| Error::InvalidArgument(format!("cursor: {error}")))?;
        Ok(Self { node: node.to_owned(), cursor })
    }

    fn shown(&self) -> String {
        let Self { node, cursor } = self;
        if node.is_empty() { cursor.to_string() } else { format!("{cursor}@{node}") }
    }
}

impl Store {
    pub async fn export(&self, cursor: Option<&str>, limit: u32) -> Result<Page, Error> {
        let start = cursor.map(Position::parse).transpose()?;
        self.bounded(self.page(start, limit.clamp(1, RECORDS))).await
    }

    pub async fn record(&self, id: &str) -> Result<Option<Record>, Error> {
        let Ok(keys) = self.keys(id) else { return Ok(None) };
        let stored = self.bounded(self.sized(id, &keys)).await?.transpose();
        let stored = stored.map_err(|cause| Error::Unavailable(format!("{}: {cause}", keys.document)))?;
        Ok(stored.map(|(_, record)| record))
    }

    pub async fn import(&self, record: &Record) -> Result<(), Error> {
        let bytes = record.check()?;
        let id = &record.session.id;
        let Ok(keys) = self.keys(id) else {
            let expected = "session id: expected letters, digits, `-`, `_`, `.` and `:`";
            return Err(Error::InvalidArgument(expected.to_owned()));
        };
        let written = Written::of(&record.session, bytes);
        let turns: Vec<_> =
            (1..).zip(&record.turn_ids).filter_map(|(number, id)| Some((id.as_deref()?, number))).collect();
        self.bounded(self.put(id, &keys, &written, record.expires_in, true, &turns)).await
    }

    async fn page(&self, start: Option<Position>, limit: u32) -> Result<Page, Error> {
        let nodes = self.nodes().await?;
        let first = || nodes.first().cloned().unwrap_or_default();
        let mut position = start.unwrap_or_else(|| Position { node: first(), cursor: 0 });
        let mut page = Page { records: Vec::new(), unread: Vec::new(), next: None };
        let (mut seen, mut bytes) = (BTreeSet::new(), 0);
        let end = Instant::now() + TIME;
        loop {
            if !nodes.contains(&position.node) {
                // It has left the cluster, and its sessions are on the others.
                match nodes.iter().find(|node| **node > position.node) {
                    Some(node) => position = Position { node: node.clone(), cursor: 0 },
                    None => return Ok(page),
                }
            }
            let (cursor, keys) = self.step(&position).await?;
            position.cursor = cursor;
            for key in keys {
                let Some(id) = self.names.id(&key) else { continue };
                // The server may name a key twice, and a session may go before it is read.
                if !seen.insert(key.clone()) {
                    continue;
                }
                match self.sized(id, &self.keys(id)?).await? {
                    None => {}
                    Some(Ok((size, record))) => {
                        bytes += size;
                        page.records.push(record);
                    }
                    Some(Err(cause)) => page.unread.push(Unread { key, cause }),
                }
            }
            if cursor == 0 {
                match nodes.iter().find(|node| **node > position.node) {
                    Some(node) => position = Position { node: node.clone(), cursor: 0 },
                    None => return Ok(page),
                }
            }
            let found = page.records.len() + page.unread.len();
            if found >= limit as usize || bytes > BYTES || Instant::now() > end {
                page.next = Some(position.shown());
                return Ok(page);
            }
        }
    }

    /// One step of the server's own search.
    async fn step(&self, position: &Position) -> Result<(u64, Vec<String>), Error> {
        let scan = redis::cmd("SCAN")
            .arg(position.cursor)
            .arg("MATCH")
            .arg(self.names.pattern())
            .arg("COUNT")
            .arg(STEP)
            .arg("TYPE")
            .arg("string")
            .to_owned();
        let request = match position.node.rsplit_once(':') {
            Some((host, port)) => {
                let port =
                    port.parse().map_err(|error| Error::InvalidArgument(format!("cursor: {error}")))?;
                Request::Node(&scan, host, port)
            }
            None => Request::Command(&scan),
        };
        let (cursor, keys): (u64, Vec<Vec<u8>>) =
            self.line.ask(request).await.map_err(|error| unavailable("finding sessions", &error))?;
        // A key that is no text is none of ours.
        Ok((cursor, keys.into_iter().filter_map(|key| String::from_utf8(key).ok()).collect()))
    }

    /// The masters in a fixed order; one without a name if there is no cluster.
    async fn nodes(&self) -> Result<Vec<String>, Error> {
        if !self.clustered {
            return Ok(vec![String::new()]);
        }
        let ranges: Vec<Vec<redis::Value>> =
            self.command("finding masters", redis::cmd("CLUSTER").arg("SLOTS")).await?;
        let mut nodes = BTreeSet::new();
        for range in ranges {
            let master = range.into_iter().nth(2).and_then(|node| match node {
                redis::Value::Array(parts) => Some(parts),
                _ => None,
            });
            let mut parts = master.unwrap_or_default().into_iter();
            let host = parts.next().and_then(|host| redis::from_redis_value::<String>(host).ok());
            let port = parts.next().and_then(|port| redis::from_redis_value::<u16>(port).ok());
            let (Some(host), Some(port)) = (host, port) else {
                return Err(Error::Unavailable(
                    "finding masters: the server's answer has an unknown form".to_owned(),
                ));
            };
            nodes.insert(format!("{host}:{port}"));
        }
        Ok(nodes.into_iter().collect())
    }

    /// The session and how long its document is. The inner error is why what is stored is none.
    async fn sized(&self, id: &str, keys: &Keys) -> Result<Option<Result<(usize, Record), String>>, Error> {
        match self.look(keys).await {
            Ok(None) => Ok(None),
            Ok(Some(seen)) => Ok(Some(recorded(id, seen).map_err(|cause| cause.to_string()))),
            Err(error) if is_of_the_key(&error) => Ok(Some(Err(words(&error)))),
            Err(error) => Err(unavailable(&keys.document, &error)),
        }
    }
}

fn recorded(id: &str, seen: Seen) -> Result<(usize, Record), Unreadable> {
    let text = text_of(seen.text)?;
    let session = Document::parse(id, &text)?.session(id, None)?;
    let turn_ids = document::turn_ids(seen.turns, session.history.len());
    Ok((text.len(), Record { session, turn_ids, expires_in: seen.expires_in }))
}
