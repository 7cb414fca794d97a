//! A session with all that a move to another store has to carry.
//!
//! Not here: reading and writing one (the stores), and which ones are moved (`corral migrate`).

use crate::{Error, Session, limits, moment::Moment};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// One step of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Living sessions, possibly none even though more follow.
    pub records: Vec<Record>,
    /// What cannot be read; other programs may have written anything.
    pub unread: Vec<Unread>,
    /// Where the next page begins; none at the end. Valid after a restart of the program, too.
    pub next: Option<String>,
}

/// What stands where a session would, and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Where it stands.
    pub key: String,
    /// Why it is none, without its content.
    pub cause: String,
}

/// A whole session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The session with its whole history.
    pub session: Session,
    /// The id of each turn, as far as it is known: other programs give none.
    pub turn_ids: Vec<Option<String>>,
    /// How long it lives if nobody uses it.
    pub expires_in: Duration,
}

impl Record {
    /// SHA-256 of id, timestamps, history and metadata; not of the time to live and the turn ids.
    ///
    /// Timestamps count by what they mean, because stores may write them differently, or not be able to keep
    /// what means nothing.
    pub fn digest(&self) -> [u8; 32] {
        let Session { id, created_at: _, last_updated: _, history, turns: _, metadata } = &self.session;
        let mut parts = Parts(Sha256::new());
        parts.text(id);
        for time in <[Moment; 2]>::from(self.times()) {
            parts.text(&time.to_string());
        }
        parts.count(history.len());
        for turn in history {
            parts.text(&turn.user);
            parts.text(&turn.ai);
        }
        parts.count(metadata.len());
        for (key, value) in metadata {
            parts.text(key);
            parts.text(value);
        }
        parts.0.finalize().into()
    }

    /// When the session was made and when it changed last. One that is no point in time is as the other one, and
    /// both are 1970 if neither is: always the same, so that two readings do not differ.
    pub(crate) fn times(&self) -> (Moment, Moment) {
        let (created, updated) =
            (self.session.created_at.parse().ok(), self.session.last_updated.parse().ok());
        (created.or(updated).unwrap_or(Moment::EPOCH), updated.or(created).unwrap_or(Moment::EPOCH))
    }

    /// Refuses what no store may hold, and gives what the session counts for against the limit.
    pub(crate) fn check(&self) -> Result<u32, Error> {
        let session = &self.session;
        limits::check_id(&session.id)?;
        if self.turn_ids.len() != session.history.len() || session.turns as usize != session.history.len() {
            return Err(Error::InvalidArgument("a record without its whole history".to_owned()));
        }
        limits::check_entries(session.metadata.len())?;
        let mut bytes = 0_u32;
        for (key, value) in &session.metadata {
            limits::check_entry(key, value)?;
            bytes = bytes.saturating_add(limits::entry_size(key, value));
        }
        for (turn, turn_id) in session.history.iter().zip(&self.turn_ids) {
            if let Some(turn_id) = turn_id {
                limits::check_turn_id(turn_id)?;
            }
            bytes = bytes.saturating_add(limits::turn_size(turn, turn_id.as_deref().unwrap_or_default()));
        }
        limits::check_session(bytes)?;
        Ok(bytes)
    }
}

/// Each part is preceded by its length, so that no two records run together to the same bytes.
struct Parts(Sha256);

impl Parts {
    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Turn;

    fn record(user: &str, ai: &str) -> Record {
        let session = Session {
            id: "id".to_owned(),
            created_at: "2026-01-31T08:15:30.123456Z".to_owned(),
            last_updated: "2026-01-31T08:15:30.123456Z".to_owned(),
            history: vec![Turn { user: user.to_owned(), ai: ai.to_owned() }],
            turns: 1,
            metadata: [("key".to_owned(), "value".to_owned())].into(),
        };
        Record { session, turn_ids: vec![None], expires_in: Duration::from_secs(1) }
    }

    #[test]
    fn a_digest_tells_contents_apart_and_not_times_to_live() {
        let one = record("ab", "c");
        assert_ne!(one.digest(), record("a", "bc").digest());
        let later = Record {
            expires_in: Duration::from_secs(2),
            turn_ids: vec![Some("1".to_owned())],
            ..one.clone()
        };
        assert_eq!(one.digest(), later.digest());
        let mut metadata = one.clone();
        metadata.session.metadata.insert("key".to_owned(), "other".to_owned());
        assert_ne!(one.digest(), metadata.digest());
    }

    #[test]
    fn a_digest_takes_timestamps_by_what_they_mean() {
        let one = record("a", "b");
        let mut python = one.clone();
        python.session.created_at = "2026-01-31T08:15:30.123456".to_owned();
        assert_eq!(one.digest(), python.digest());
        python.session.created_at = "2026-01-31T08:15:31".to_owned();
        assert_ne!(one.digest(), python.digest());
        python.session.created_at = "yesterday".to_owned();
        assert_eq!(one.digest(), python.digest(), "it is as the other one");
    }

    #[test]
    fn a_record_is_checked_against_every_limit() {
        assert_eq!(record("ab", "c").check().unwrap(), 32 + 3 + 32 + 8);
        let mut odd = record("a", "b");
        odd.turn_ids.clear();
        assert!(matches!(odd.check(), Err(Error::InvalidArgument(_))));
        let huge = record(&"u".repeat(16 << 20), "");
        assert!(matches!(huge.check(), Err(Error::TooLarge { .. })));
        let mut nameless = record("a", "b");
        nameless.session.id.clear();
        assert!(matches!(nameless.check(), Err(Error::InvalidArgument(_))));
    }
}
