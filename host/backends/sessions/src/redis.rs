//! The store in Redis or Valkey: a session is one JSON text that any client can read.
//!
//! Three keys: the document at `<prefix><id>`; beside it `turns:{<prefix><id>}`, a hash of the turn ids,
//! with the same time to live; and `<prefix>expiry`, which tells when sessions expire. What is in the
//! side key and in the index can be lost without losing a session.
//!
//! Not here: the document (`redis/document.rs`), the connection (`redis/connection.rs`), the steps on
//! the server (`redis/scripts.rs`), expiry (`redis/expiry.rs`), moving (`redis/movement.rs`).

mod address;
mod connection;
mod document;
mod expiry;
mod failure;
mod json;
mod keys;
mod movement;
mod scripts;

use crate::{Config, Error, Session, Topology, Turn, limits, moment::Moment};
use ::redis::{Cmd, FromRedisValue, RedisResult, Script, ScriptInvocation};
use backon::{BackoffBuilder, ExponentialBuilder};
use connection::{Line, Request};
use corral_store::deadline;
use document::{Document, Unreadable, Written};
use failure::{unavailable, unreadable};
use keys::{Keys, Names};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};

#[derive(Clone)]
pub struct Store {
    line: Line,
    names: Names,
    expire_after: Duration,
    /// In a cluster the index has a slot of its own, so scripts cannot touch it.
    clustered: bool,
}

impl Store {
    /// Waits for the first connection, but not for long, and only to tell the log.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let settings = &config.redis;
        let names = Names::new(&settings.prefix)?;
        let servers = address::Servers::from_settings(config)?;
        let store = Self {
            line: Line::new(servers, settings.connect_timeout, settings.timeout),
            names,
            expire_after: config.expire_after,
            clustered: settings.topology == Topology::Cluster,
        };
        if let Err(error) = store.ping().await {
            tracing::warn!(%error, "the session store does not answer; it is tried again with each call");
        }
        Ok(store)
    }

    pub async fn create(&self) -> Result<String, Error> {
        let id = uuid::Uuid::new_v4().to_string();
        let keys = self.keys(&id)?;
        let written = Written::empty(&id, Moment::now());
        // A retry after an answer that was lost finds the document there: nobody else has this id.
        self.bounded(self.put(&id, &keys, &written, self.expire_after, false, &[])).await?;
        Ok(id)
    }

    pub async fn get(&self, id: &str, last: Option<u32>) -> Result<Option<Session>, Error> {
        let Ok(keys) = self.keys(id) else { return Ok(None) };
        let read = async {
            let mut script = self.invocation(&scripts::READ, id, &keys, self.expire_after);
            script
                .arg(self.expire_after.as_millis().min(MILLISECONDS) as u64 / 100)
                .arg(scripts::LONGEST_DOCUMENT);
            self.script::<Option<(Vec<u8>, bool)>>(&keys, &script).await
        };
        let end = deadline();
        let Some((text, slid)) = until(end, read).await? else { return Ok(None) };
        if slid {
            self.index(id, end).await;
        }
        let session = text_of(text).and_then(|text| Document::parse(id, &text)?.session(id, last));
        session.map(Some).map_err(|cause| unreadable(&keys.document, &cause))
    }

    pub async fn append(
        &self,
        id: &str,
        turn: Turn,
        turn_id: &str,
        replaces: Option<u32>,
    ) -> Result<u32, Error> {
        let keys = self.keys(id)?;
        limits::check_session(limits::turn_size(&turn, turn_id))?;
        let now = Moment::now();
        // A script can splice in, and not out.
        let splice = replaces.is_none().then(|| {
            let mut splice = self.invocation(&scripts::APPEND, id, &keys, self.expire_after);
            splice
                .arg(turn_id)
                .arg(document::json_of(&turn))
                .arg(limits::turn_size(&turn, turn_id))
                .arg(limits::SESSION_BYTES)
                .arg(now.to_string());
            splice
        });
        let append = async {
            for delay in delays() {
                let spliced = match &splice {
                    Some(splice) => self.script(&keys, splice).await?,
                    None => Outcome(Happened::Other, 0),
                };
                let outcome = match spliced {
                    Outcome(Happened::Other, _) => {
                        let rewrite = |document: &mut Document<'_>| {
                            document.make_room(replaces);
                            let number = document.turns() + 1;
                            Ok((document.with_turn(id, &turn, turn_id, now)?, turn_id, number))
                        };
                        self.rewrite(id, &keys, rewrite).await?
                    }
                    outcome => outcome,
                };
                match outcome {
                    Outcome(Happened::Done | Happened::Known, number) => return Ok(number),
                    Outcome(Happened::Missing, _) => return Err(Error::NotFound),
                    Outcome(Happened::Large, _) => {
                        return Err(Error::TooLarge { limit: limits::SESSION_BYTES.into() });
                    }
                    Outcome(Happened::Other | Happened::Changed, _) => sleep(delay).await,
                }
            }
            Err(contended(&keys))
        };
        let end = deadline();
        let number = until(end, append).await?;
        self.index(id, end).await;
        Ok(number)
    }

    pub async fn set_metadata(&self, id: &str, key: &str, value: &str) -> Result<(), Error> {
        let keys = self.keys(id)?;
        let set = async {
            for delay in delays() {
                let rewrite = |document: &mut Document<'_>| {
                    Ok((document.with_entry(id, key, value, Moment::now())?, "", document.turns()))
                };
                match self.rewrite(id, &keys, rewrite).await? {
                    Outcome(Happened::Done, _) => return Ok(()),
                    Outcome(Happened::Missing, _) => return Err(Error::NotFound),
                    Outcome(_, _) => sleep(delay).await,
                }
            }
            Err(contended(&keys))
        };
        let end = deadline();
        until(end, set).await?;
        self.index(id, end).await;
        Ok(())
    }

    /// If the answer to a deletion was lost, its retry may say that there was none.
    pub async fn delete(&self, id: &str) -> Result<bool, Error> {
        let Ok(keys) = self.keys(id) else { return Ok(false) };
        let mut script = self.keyed(&scripts::DELETE, &keys);
        script.arg(id);
        let end = deadline();
        let deleted: bool = until(end, self.script(&keys, &script)).await?;
        if deleted && self.clustered {
            // If this fails, the session is told of as expired later, which is as good.
            let forget = ::redis::cmd("ZREM").arg(self.names.index()).arg(id).to_owned();
            self.note(&forget, end).await;
        }
        Ok(deleted)
    }

    /// Whether a server answers that takes writes, as far as it can be told without writing.
    pub async fn ping(&self) -> Result<(), Error> {
        let ping = ::redis::cmd("EXISTS").arg(self.names.index()).to_owned();
        self.bounded(self.command("ping", &ping)).await
    }

    /// Reads the document, and puts what `change` makes of it in its place, unless somebody else has
    /// changed it meanwhile.
    async fn rewrite<'a>(
        &self,
        id: &str,
        keys: &Keys,
        change: impl Fn(&mut Document<'_>) -> Result<(Written, &'a str, usize), Error>,
    ) -> Result<Outcome, Error> {
        let seen = self.look(keys).await.map_err(|error| unavailable(&keys.document, &error))?;
        let Some(seen) = seen else { return Ok(Outcome(Happened::Missing, 0)) };
        let text = text_of(seen.text).map_err(|cause| unreadable(&keys.document, &cause))?;
        let mut document = Document::parse(id, &text).map_err(|cause| unreadable(&keys.document, &cause))?;
        let (written, turn_id, number) = change(&mut document)?;
        let mut script = self.invocation(&scripts::REPLACE, id, keys, self.expire_after);
        script.arg(seen.digest).arg(written.text).arg(written.state.to_string()).arg(turn_id).arg(number);
        self.script(keys, &script).await
    }

    async fn look(&self, keys: &Keys) -> RedisResult<Option<Seen>> {
        type Answer = (Vec<u8>, String, i64, BTreeMap<Vec<u8>, Vec<u8>>);
        let mut script = scripts::LOOK.key(&keys.document);
        script.key(&keys.turns).arg(scripts::LONGEST_DOCUMENT);
        let answer: Option<Answer> = self.line.ask(Request::Script(&script)).await?;
        let Some((text, digest, left, turns)) = answer else { return Ok(None) };
        let turns = turns
            .into_iter()
            .filter_map(|(id, number)| Some((String::from_utf8(id).ok()?, String::from_utf8(number).ok()?)));
        // Without a time to live it is somebody else's; its time begins with the first read.
        let expires_in = u64::try_from(left).map_or(self.expire_after, Duration::from_millis);
        Ok(Some(Seen { text, digest, expires_in, turns: turns.collect() }))
    }

    async fn put(
        &self,
        id: &str,
        keys: &Keys,
        written: &Written,
        expires_in: Duration,
        replace: bool,
        turns: &[(&str, usize)],
    ) -> Result<(), Error> {
        if self.clustered {
            // First, so that no session can be stored that is never told of as expired.
            let add = self.index_command(id, expires_in);
            self.command::<()>(&self.names.index(), &add).await?;
        }
        let mut script = self.invocation(&scripts::PUT, id, keys, expires_in);
        script.arg(u8::from(replace)).arg(&written.text).arg(written.state.to_string());
        for (turn_id, number) in turns {
            script.arg(turn_id).arg(number);
        }
        self.script(keys, &script).await
    }

    /// In a cluster, what the script does elsewhere. If it fails, the next use does it.
    async fn index(&self, id: &str, end: Instant) {
        if self.clustered {
            self.note(&self.index_command(id, self.expire_after), end).await;
        }
    }

    /// Changes the index after a call has done what it is for. The index is on one server and the session may be on
    /// another, so the call's answer does not depend on this, and hardly waits for it.
    async fn note(&self, change: &Cmd, end: Instant) {
        let index = self.names.index();
        let noted = until(end.min(Instant::now() + BRIEFLY), self.command::<()>(&index, change)).await;
        noted.unwrap_or_else(|error| tracing::warn!(%error, "a session's expiry was not noted"));
    }

    fn index_command(&self, id: &str, expires_in: Duration) -> Cmd {
        ::redis::cmd("ZADD").arg(self.names.index()).arg(expiry(expires_in)).arg(id).to_owned()
    }

    /// With the arguments that every script that writes has.
    fn invocation<'a>(
        &self,
        script: &'a Script,
        id: &str,
        keys: &Keys,
        expires_in: Duration,
    ) -> ScriptInvocation<'a> {
        let mut invocation = self.keyed(script, keys);
        let left = expires_in.as_millis().clamp(1, MILLISECONDS);
        invocation.arg(id).arg(left as u64).arg(expiry(expires_in));
        invocation
    }

    fn keyed<'a>(&self, script: &'a Script, keys: &Keys) -> ScriptInvocation<'a> {
        let mut invocation = script.key(&keys.document);
        invocation.key(&keys.turns);
        if !self.clustered {
            invocation.key(self.names.index());
        }
        invocation
    }

    async fn script<T: FromRedisValue>(
        &self,
        keys: &Keys,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Error> {
        let answer = self.line.ask(Request::Script(script)).await;
        answer.map_err(|error| unavailable(&keys.document, &error))
    }

    async fn command<T: FromRedisValue>(&self, of: &str, command: &Cmd) -> Result<T, Error> {
        self.line.ask(Request::Command(command)).await.map_err(|error| unavailable(of, &error))
    }

    /// Whatever the server does, a call ends.
    async fn bounded<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        until(deadline(), call).await
    }

    /// An id that names no key is the id of no session.
    fn keys(&self, id: &str) -> Result<Keys, Error> {
        self.names.session(id).ok_or(Error::NotFound)
    }
}

/// What is stored of one session.
struct Seen {
    text: Vec<u8>,
    digest: String,
    expires_in: Duration,
    turns: BTreeMap<String, String>,
}

async fn until<T>(end: Instant, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match timeout_at(end, call).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Unavailable("no answer in time".to_owned())),
    }
}

/// What a script has done, and with which turn.
struct Outcome(Happened, u32);

enum Happened {
    Done,
    /// The turn was there already.
    Known,
    Missing,
    Large,
    /// The document is not as we write it.
    Other,
    /// Somebody else was quicker.
    Changed,
}

impl FromRedisValue for Outcome {
    fn from_redis_value(value: ::redis::Value) -> Result<Self, ::redis::ParsingError> {
        let (happened, number): (String, u32) = FromRedisValue::from_redis_value(value)?;
        let happened = match happened.as_str() {
            "done" => Happened::Done,
            "known" => Happened::Known,
            "missing" => Happened::Missing,
            "large" => Happened::Large,
            "other" => Happened::Other,
            "changed" => Happened::Changed,
            _ => return Err("an outcome that no script has".into()),
        };
        Ok(Self(happened, number))
    }
}

/// A server that is well answers a good deal sooner.
const BRIEFLY: Duration = Duration::from_millis(250);

/// What the server's arithmetic can hold, some thousand years.
const MILLISECONDS: u128 = 1 << 47;

/// When a session expires, milliseconds since 1970, by this host's clock.
///
/// The server's clock would do as well, but not in a cluster, where each server has its own, and a script
/// that asks for the time could not be repeated on replicas of older servers. Clocks that differ make
/// nobody lose anything: `expired` tells only of sessions whose documents are gone.
fn expiry(expires_in: Duration) -> i64 {
    let longest = Duration::from_millis(MILLISECONDS as u64);
    Moment::now().plus(expires_in.min(longest)).milliseconds()
}

fn text_of(text: Vec<u8>) -> Result<String, Unreadable> {
    String::from_utf8(text).map_err(|error| error.utf8_error().into())
}

/// Between attempts to write what others write, too.
fn delays() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(1))
        .with_max_delay(Duration::from_millis(100))
        .with_max_times(64)
        .with_jitter()
        .build()
}

fn contended(keys: &Keys) -> Error {
    Error::Unavailable(format!("{}: others write it all the time", keys.document))
}
