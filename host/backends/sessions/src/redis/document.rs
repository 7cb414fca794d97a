//! The session document: reading it however it is written, and writing it so that a turn can be spliced in.
//!
//! As it is written here the history stands last, and each byte of the text has a known place:
//!
//! ```json
//! {"session_id":"…","metadata":{"created_at":"…","last_updated":"…"},"history":[{"user":"…","ai":"…"}]}
//! ```
//!
//! Not here: sending it (`redis.rs`), splicing (`scripts/append.lua`).

use super::json::{self, Malformed};
use crate::{Error, Session, Turn, limits, moment::Moment};
use std::{collections::BTreeMap, fmt, str::Utf8Error};

/// A document, its unknown parts as they are written.
#[derive(Debug)]
pub struct Document<'a> {
    created_at: String,
    /// As JSON, because it need not be a string.
    last_updated: String,
    /// Without the two timestamps.
    metadata: Vec<(String, &'a str)>,
    /// Members that are not ours.
    others: Vec<(String, &'a str)>,
    history: Vec<&'a str>,
}

/// A document as it is stored, and what a later append has to know of it.
pub struct Written {
    pub text: String,
    pub state: State,
}

/// What the side key says of the document that was written last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Of the document; if it has another one, somebody else has written it.
    pub length: usize,
    pub turns: usize,
    /// What it counts for against the size limit.
    pub bytes: u32,
    /// Where the text of `last_updated` begins.
    pub updated_at: usize,
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, turns, bytes, updated_at } = self;
        write!(formatter, "{length} {turns} {bytes} {updated_at}")
    }
}

/// Why a text is no session document, without its content.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("not a session document: {0}")]
    Text(#[from] Utf8Error),
    #[error("not a session document: {0}")]
    Json(#[from] Malformed),
    #[error("not a session document: `{0}`: {1}")]
    Member(&'static str, Malformed),
    #[error("not a session document: turn {0} is not {{\"user\": text, \"ai\": text}}")]
    Turn(usize),
    #[error("a document of another session")]
    OtherSession,
}

impl<'a> Document<'a> {
    /// Takes any order of members, any spacing and members that are not ours. `history` and `metadata`
    /// may be missing, or null.
    pub fn parse(id: &str, text: &'a str) -> Result<Self, Unreadable> {
        let empty = || "\"\"".to_owned();
        let (created_at, last_updated) = (empty(), empty());
        let mut document =
            Self { created_at, last_updated, metadata: Vec::new(), others: Vec::new(), history: Vec::new() };
        for (key, value) in json::members(text)? {
            match key.as_str() {
                "session_id" if json::string(value).as_deref() == Some(id) => {}
                "session_id" => return Err(Unreadable::OtherSession),
                "history" | "metadata" if value == "null" => {}
                "history" => {
                    document.history =
                        json::elements(value).map_err(|cause| Unreadable::Member("history", cause))?;
                }
                "metadata" => {
                    let members =
                        json::members(value).map_err(|cause| Unreadable::Member("metadata", cause))?;
                    for (key, value) in members {
                        match key.as_str() {
                            "created_at" => value.clone_into(&mut document.created_at),
                            "last_updated" => value.clone_into(&mut document.last_updated),
                            _ => document.metadata.push((key, value)),
                        }
                    }
                }
                _ => document.others.push((key, value)),
            }
        }
        Ok(document)
    }

    pub fn turns(&self) -> usize {
        self.history.len()
    }

    /// Takes the newest turn away if `replaces` is its number: another will stand there.
    pub fn make_room(&mut self, replaces: Option<u32>) {
        if replaces.and_then(|number| usize::try_from(number).ok()) == Some(self.turns()) {
            self.history.pop();
        }
    }

    /// The session with its newest `last` turns.
    pub fn session(&self, id: &str, last: Option<u32>) -> Result<Session, Unreadable> {
        let turns = self.turns();
        let wanted = last.map_or(turns, |last| usize::try_from(last).unwrap_or(usize::MAX).min(turns));
        let history = (turns - wanted..turns).map(|at| self.turn(at)).collect::<Result<_, _>>()?;
        Ok(Session {
            id: id.to_owned(),
            created_at: shown(&self.created_at),
            last_updated: shown(&self.last_updated),
            history,
            turns: u32::try_from(turns).unwrap_or(u32::MAX),
            metadata: self.metadata.iter().map(|(key, value)| (key.clone(), shown(value))).collect(),
        })
    }

    /// The document in our layout with one turn more.
    pub fn with_turn(&self, id: &str, turn: &Turn, turn_id: &str, now: Moment) -> Result<Written, Error> {
        let added = limits::turn_size(turn, turn_id);
        self.write(id, now, &self.metadata_as_written(), Some(&json_of(turn)), added)
    }

    /// The document in our layout with this metadata entry.
    pub fn with_entry(&self, id: &str, key: &str, value: &str, now: Moment) -> Result<Written, Error> {
        let mut metadata = self.metadata_as_written();
        let value = json::quoted(value);
        match metadata.iter_mut().find(|(other, _)| *other == key) {
            Some(entry) => entry.1 = value,
            None => metadata.push((key, value)),
        }
        limits::check_entries(metadata.len())?;
        self.write(id, now, &metadata, None, 0)
    }

    fn metadata_as_written(&self) -> Vec<(&str, String)> {
        self.metadata.iter().map(|(key, value)| (key.as_str(), (*value).to_owned())).collect()
    }

    fn write(
        &self,
        id: &str,
        now: Moment,
        metadata: &[(&str, String)],
        added: Option<&str>,
        added_bytes: u32,
    ) -> Result<Written, Error> {
        let mut bytes = added_bytes;
        for (key, value) in metadata {
            bytes = bytes.saturating_add(limits::entry_size(key, &shown(value)));
        }
        let mut history = Vec::with_capacity(self.turns() + 1);
        for (at, written) in self.history.iter().enumerate() {
            // One that cannot be read stays as it is; reading tells of it.
            let turn =
                self.turn(at).unwrap_or_else(|_| Turn { user: (*written).to_owned(), ai: String::new() });
            bytes = bytes.saturating_add(limits::turn_size(&turn, ""));
            let is_exact = serde_json::from_str::<Turn>(written).is_ok();
            let is_plain = is_exact && json::members(written).is_ok_and(|members| members.len() == 2);
            history.push(if is_plain { json_of(&turn) } else { (*written).to_owned() });
        }
        history.extend(added.map(str::to_owned));
        limits::check_session(bytes)?;
        let others = self.others.iter().map(|(key, value)| (key.as_str(), *value));
        let parts = Parts { id, created_at: &self.created_at, last_updated: &now.to_string() };
        Ok(parts.write(metadata, others, &history, bytes))
    }

    fn turn(&self, at: usize) -> Result<Turn, Unreadable> {
        // The cause is left out: it may quote what the person typed.
        self.history
            .get(at)
            .and_then(|text| serde_json::from_str(text).ok().or_else(|| stored(text)))
            .ok_or(Unreadable::Turn(at.saturating_add(1)))
    }
}

impl Written {
    /// The document of a session that has nothing in it yet.
    pub fn empty(id: &str, now: Moment) -> Self {
        let now = now.to_string();
        let parts = Parts { id, created_at: &json::quoted(&now), last_updated: &now };
        parts.write(&[], std::iter::empty(), &[], 0)
    }

    /// The document of a session that is brought in from elsewhere. `bytes` is what it counts for.
    pub fn of(session: &Session, bytes: u32) -> Self {
        let metadata: Vec<_> =
            session.metadata.iter().map(|(key, value)| (key.as_str(), json::quoted(value))).collect();
        let history: Vec<_> = session.history.iter().map(json_of).collect();
        let created_at = json::quoted(&session.created_at);
        let parts = Parts { id: &session.id, created_at: &created_at, last_updated: &session.last_updated };
        parts.write(&metadata, std::iter::empty(), &history, bytes)
    }
}

/// A turn as others may have stored it: with members that are not ours, and null for a text that is not there.
fn stored(turn: &str) -> Option<Turn> {
    let text = |value: &str| if value == "null" { Some(String::new()) } else { json::string(value) };
    let (mut user, mut ai) = (None, None);
    for (key, value) in json::members(turn).ok()? {
        match key.as_str() {
            "user" => user = text(value),
            "ai" => ai = text(value),
            _ => {}
        }
    }
    Some(Turn { user: user?, ai: ai? })
}

/// The turn as an element of the history.
pub fn json_of(turn: &Turn) -> String {
    format!("{{\"user\":{},\"ai\":{}}}", json::quoted(&turn.user), json::quoted(&turn.ai))
}

struct Parts<'a> {
    id: &'a str,
    /// As JSON.
    created_at: &'a str,
    /// As text.
    last_updated: &'a str,
}

impl Parts<'_> {
    fn write<'a>(
        &self,
        metadata: &[(&str, String)],
        others: impl Iterator<Item = (&'a str, &'a str)>,
        history: &[String],
        bytes: u32,
    ) -> Written {
        let Self { id, created_at, last_updated } = self;
        let mut text = format!(
            "{{\"session_id\":{},\"metadata\":{{\"created_at\":{created_at},\"last_updated\":",
            json::quoted(id)
        );
        let updated_at = text.len() + 1;
        text.push_str(&json::quoted(last_updated));
        for (key, value) in metadata {
            text.extend([",", &json::quoted(key), ":", value]);
        }
        text.push('}');
        for (key, value) in others {
            text.extend([",", &json::quoted(key), ":", value]);
        }
        text.push_str(",\"history\":[");
        text.push_str(&history.join(","));
        text.push_str("]}");
        let state = State { length: text.len(), turns: history.len(), bytes, updated_at };
        Written { text, state }
    }
}

/// A string's content; the JSON text of anything else.
fn shown(value: &str) -> String {
    json::string(value).unwrap_or_else(|| value.to_owned())
}

/// The turns' ids by the numbers under which a side key has them.
pub fn turn_ids(side: BTreeMap<String, String>, turns: usize) -> Vec<Option<String>> {
    let mut ids = vec![None; turns];
    for (turn_id, number) in side {
        // The empty one is the state.
        let place = number.parse::<usize>().ok().and_then(|number| ids.get_mut(number.checked_sub(1)?));
        if let Some(place) = place
            && !turn_id.is_empty()
        {
            *place = Some(turn_id);
        }
    }
    ids
}

#[cfg(test)]
mod tests;
