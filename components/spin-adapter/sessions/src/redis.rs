//! The store: a session is one JSON text that any client can read, as a Corral host keeps it.
//!
//! Each step on the server is one script, sent whole with `EVAL`: Spin has no pipeline, and a script that is only
//! named may be unknown to the server. One server, or one that stands for several; Spin knows no sentinels and no
//! clusters.
//!
//! Not here: the document (`redis/document.rs`), the steps on the server (`redis/scripts/`).

#[allow(dead_code, reason = "a host's; what it needs for moving sessions is not needed here")]
mod document;
mod json;
#[allow(dead_code, reason = "a host's; what it needs for moving sessions is not needed here")]
mod keys;
mod steps;

use crate::{Error, Moment, Session, Turn, limits};
use corral_spin_platform::redis::Redis;
use document::{Document, Written};
use keys::{Keys, Names};
use std::time::Duration;
use steps::{Happened, LONGEST_DOCUMENT, Outcome, Seen, Step};

/// Attempts to write what others write, too. Where one fails, another's write did not: somebody gets on each time.
const ATTEMPTS: u32 = 64;
/// What the server's arithmetic can hold, some thousand years.
const MILLISECONDS: u128 = 1 << 47;

/// How sessions are kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the keys of sessions begin with.
    pub prefix: String,
    /// How long a session lives after it was last read or written.
    pub expire_after: Duration,
}

/// The store of sessions.
pub struct Store<'a> {
    redis: &'a dyn Redis,
    names: Names,
    expire_after: Duration,
}

impl<'a> Store<'a> {
    /// Settings that cannot work are [`Error::InvalidArgument`].
    pub fn new(redis: &'a dyn Redis, settings: &Settings) -> Result<Self, Error> {
        limits::check_expire_after(settings.expire_after)?;
        Ok(Self { redis, names: Names::new(&settings.prefix)?, expire_after: settings.expire_after })
    }

    /// Makes an empty session of this id, which nobody else has.
    pub fn create(&self, id: &str) -> Result<(), Error> {
        let keys = self.keys(id)?;
        let written = Written::empty(id, Moment::now());
        let mut step = self.step(steps::PUT, id, &keys);
        // Not in place of another one: a retry after an answer that was lost finds the document there.
        step.arg("0").arg(written.text).arg(written.state.to_string());
        step.run(self.redis).map(drop).map_err(|cause| unavailable(&keys, &cause))
    }

    /// The session with its newest `last` turns (none: all), or none if there is no such session.
    pub fn get(&self, id: &str, last: Option<u32>) -> Result<Option<Session>, Error> {
        let Ok(keys) = self.keys(id) else { return Ok(None) };
        let mut step = self.step(steps::READ, id, &keys);
        step.arg((left(self.expire_after) / 100).to_string()).arg(LONGEST_DOCUMENT.to_string());
        let answer = step.run(self.redis).map_err(|cause| unavailable(&keys, &cause))?;
        let Some(text) = steps::document(answer).map_err(|cause| unavailable(&keys, &cause))? else {
            return Ok(None);
        };
        let session = Document::parse(id, &text).and_then(|document| document.session(id, last));
        session.map(Some).map_err(|cause| unavailable(&keys, &cause))
    }

    /// Appends one turn, both halves or neither, and gives how many turns the session has then.
    ///
    /// The same `turn_id` twice is one turn, and answers as the first call did.
    pub fn append(&self, id: &str, turn: &Turn, turn_id: &str) -> Result<u32, Error> {
        self.put(id, turn, turn_id, None)
    }

    /// Puts one turn in place of the newest one if `number` is the number of that one, counted from 1, and otherwise
    /// appends it.
    pub fn replace(&self, id: &str, turn: &Turn, turn_id: &str, number: u32) -> Result<u32, Error> {
        self.put(id, turn, turn_id, Some(number))
    }

    fn put(&self, id: &str, turn: &Turn, turn_id: &str, replaces: Option<u32>) -> Result<u32, Error> {
        limits::check_turn_id(turn_id)?;
        let keys = self.keys(id)?;
        let bytes = limits::turn_size(turn, turn_id);
        limits::check_session(bytes)?;
        let now = Moment::now();
        let mut splice = self.step(steps::APPEND, id, &keys);
        splice
            .arg(turn_id)
            .arg(document::json_of(turn))
            .arg(bytes.to_string())
            .arg(limits::SESSION_BYTES.to_string())
            .arg(now.to_string());
        self.until_written(&keys, || {
            // A script can splice in, and not out.
            if replaces.is_none() {
                let outcome = self.outcome(&keys, &splice)?;
                if !matches!(outcome.happened, Happened::Other) {
                    return Ok(outcome);
                }
            }
            self.rewrite(id, &keys, |document| {
                document.make_room(replaces);
                let number = document.turns() + 1;
                Ok((document.with_turn(id, turn, turn_id, now)?, turn_id, number))
            })
        })
    }

    /// Sets one metadata value: a key of 1 to 128 bytes, a value of at most 4 KiB, at most 64 keys.
    pub fn set_metadata(&self, id: &str, key: &str, value: &str) -> Result<(), Error> {
        limits::check_entry(key, value)?;
        let keys = self.keys(id)?;
        let set = || {
            self.rewrite(id, &keys, |document| {
                Ok((document.with_entry(id, key, value, Moment::now())?, "", document.turns()))
            })
        };
        self.until_written(&keys, set).map(drop)
    }

    /// Deletes the session. False if there was none; after a lost connection maybe also if this call has deleted it.
    pub fn delete(&self, id: &str) -> Result<bool, Error> {
        let Ok(keys) = self.keys(id) else { return Ok(false) };
        let mut step = Step::new(steps::DELETE, [&keys.document, &keys.turns, &self.names.index()]);
        step.arg(id);
        let answer = step.run(self.redis).map_err(|cause| unavailable(&keys, &cause))?;
        steps::truth(&answer).map_err(|cause| unavailable(&keys, &cause))
    }

    fn until_written(
        &self,
        keys: &Keys,
        mut attempt: impl FnMut() -> Result<Outcome, Error>,
    ) -> Result<u32, Error> {
        for _ in 0..ATTEMPTS {
            let Outcome { happened, number } = attempt()?;
            match happened {
                Happened::Done | Happened::Known => return Ok(number),
                Happened::Missing => return Err(Error::NotFound),
                Happened::Large => return Err(Error::TooLarge { limit: limits::SESSION_BYTES.into() }),
                Happened::Other | Happened::Changed => {}
            }
        }
        Err(unavailable(keys, &"others write it all the time"))
    }

    /// Reads the document, and puts what `change` makes of it in its place, unless somebody else has changed it
    /// meanwhile.
    fn rewrite<'b>(
        &self,
        id: &str,
        keys: &Keys,
        change: impl FnOnce(&mut Document<'_>) -> Result<(Written, &'b str, usize), Error>,
    ) -> Result<Outcome, Error> {
        let Some(seen) = self.look(keys)? else { return Ok(Outcome::missing()) };
        let mut document = Document::parse(id, &seen.text).map_err(|cause| unavailable(keys, &cause))?;
        let (written, turn_id, number) = change(&mut document)?;
        let mut step = self.step(steps::REPLACE, id, keys);
        step.arg(seen.digest)
            .arg(written.text)
            .arg(written.state.to_string())
            .arg(turn_id)
            .arg(number.to_string());
        self.outcome(keys, &step)
    }

    fn look(&self, keys: &Keys) -> Result<Option<Seen>, Error> {
        let mut step = Step::new(steps::LOOK, [&keys.document, &keys.turns]);
        step.arg(LONGEST_DOCUMENT.to_string());
        let answer = step.run(self.redis).map_err(|cause| unavailable(keys, &cause))?;
        steps::seen(answer).map_err(|cause| unavailable(keys, &cause))
    }

    fn outcome(&self, keys: &Keys, step: &Step) -> Result<Outcome, Error> {
        let answer = step.run(self.redis).map_err(|cause| unavailable(keys, &cause))?;
        steps::outcome(&answer).map_err(|cause| unavailable(keys, &cause))
    }

    /// With the arguments that every script that writes has.
    fn step(&self, script: &'static str, id: &str, keys: &Keys) -> Step {
        let mut step = Step::new(script, [&keys.document, &keys.turns, &self.names.index()]);
        let longest = Duration::from_millis(MILLISECONDS as u64);
        let expiry = Moment::now().plus(self.expire_after.min(longest)).milliseconds();
        step.arg(id).arg(left(self.expire_after).to_string()).arg(expiry.to_string());
        step
    }

    /// An id that names no key is the id of no session.
    fn keys(&self, id: &str) -> Result<Keys, Error> {
        self.names.session(id).ok_or(Error::NotFound)
    }
}

fn left(expire_after: Duration) -> u64 {
    expire_after.as_millis().clamp(1, MILLISECONDS) as u64
}

/// Names the key, and of the cause no more than a line, without the arguments that a server may quote at its end.
fn unavailable(keys: &Keys, cause: &dyn std::fmt::Display) -> Error {
    let cause = cause.to_string();
    let cause = cause.split("with args beginning with").next().unwrap_or_default();
    let cause: String = cause.chars().filter(|char| !char.is_control()).take(200).collect();
    Error::Unavailable(format!("{}: {cause}", keys.document))
}
