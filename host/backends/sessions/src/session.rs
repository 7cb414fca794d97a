//! A conversation as callers see it, the same on a host and on Spin.
//!
//! Not here: how a store writes it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One finished exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What the person wrote.
    pub user: String,
    /// What was answered.
    pub ai: String,
}

/// A conversation as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// A UUID, version 4.
    pub id: String,
    /// RFC 3339, UTC, microseconds: `2026-01-31T08:15:30.123456Z`. In a document that another program
    /// wrote, what stands there.
    pub created_at: String,
    /// When the last turn was appended or the metadata last changed; same form.
    pub last_updated: String,
    /// Oldest first; only the newest ones if `get` was given a bound.
    pub history: Vec<Turn>,
    /// How many turns are stored, whatever part of them `history` holds.
    pub turns: u32,
    /// What `set_metadata` stored; without the two timestamps.
    pub metadata: BTreeMap<String, String>,
}

impl Session {
    /// The session as if it had never had its newest turn, the one of this number, with its newest `last` turns
    /// (none: all). It was read with one turn more than that. If its newest turn is another one by now, only that one
    /// turn more goes.
    pub fn without_turn(mut self, number: u32, last: Option<u32>) -> Self {
        if self.turns == number {
            self.history.pop();
            self.turns = self.turns.saturating_sub(1);
        }
        let most = last.map_or(usize::MAX, |last| usize::try_from(last).unwrap_or(usize::MAX));
        let extra = self.history.len().saturating_sub(most);
        self.history.drain(..extra);
        self
    }
}
