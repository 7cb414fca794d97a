//! What was computed of conversations that have no slot now, up to so many bytes, the least recently used going first.
//!
//! Not here: how a state leaves a sequence and comes back (`worker/claim`), and what is in the slots (`slots`).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use llama_cpp_2::token::LlamaToken;

use crate::{Owner, slots::common};

/// Who may read an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reader {
    /// One owner.
    Owner(Owner),
    /// Everyone whose prompt begins with all of it: a system prompt.
    Everyone,
}

/// A sequence's content, with the state that llama.cpp made of it.
#[derive(Debug, Clone)]
pub(crate) struct Entry<S> {
    pub reader: Reader,
    /// The LoRA adapter that it was computed with.
    pub adapter: Option<usize>,
    /// What the state holds, from position 0.
    pub tokens: Vec<LlamaToken>,
    pub state: S,
    /// Bytes of the state.
    pub bytes: usize,
}

/// An entry that serves a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    index: usize,
    /// Tokens of the prompt that it saves.
    pub common: usize,
}

/// Entries up to so many bytes.
#[derive(Debug)]
pub(crate) struct Cache<S> {
    /// The least recently used first.
    entries: Vec<(Instant, Entry<S>)>,
    bytes: usize,
    limit: usize,
}

impl Reader {
    /// Whether all that is computed for it is one conversation, of which only the newest state is of use.
    fn is_linear(&self) -> bool {
        matches!(self, Self::Owner(Owner::Session(_)))
    }
}

impl<S: Clone> Cache<S> {
    /// An empty one that holds `limit` bytes; 0 keeps nothing.
    pub fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), bytes: 0, limit }
    }

    /// Whether so many bytes could be kept at all.
    pub fn holds(&self, bytes: usize) -> bool {
        bytes <= self.limit
    }

    /// Bytes that something may take for a moment: what is free, or where nothing is, an eighth of all.
    pub fn spare(&self) -> usize {
        self.limit.saturating_sub(self.bytes).max(self.limit / 8)
    }

    /// Keeps an entry as the most recent one, in place of those that it continues. Gives those that had to go for it,
    /// the oldest first.
    pub fn put(&mut self, entry: Entry<S>) -> Vec<Entry<S>> {
        let continued = |other: &Entry<S>| {
            other.reader == entry.reader
                && other.adapter == entry.adapter
                && (entry.reader.is_linear() || entry.tokens.starts_with(&other.tokens))
        };
        self.remove(|other| continued(other));
        if !self.holds(entry.bytes) {
            return vec![entry];
        }
        let mut gone = Vec::new();
        while self.bytes + entry.bytes > self.limit {
            let (_, oldest) = self.entries.remove(0);
            self.bytes -= oldest.bytes;
            gone.push(oldest);
        }
        self.bytes += entry.bytes;
        self.entries.push((Instant::now(), entry));
        gone
    }

    /// The entry that saves most of `prompt` to `owner`, if one saves anything.
    pub fn find(
        &self,
        owner: Option<&Owner>,
        adapter: Option<usize>,
        prompt: &[LlamaToken],
    ) -> Option<Match> {
        let serves = |entry: &Entry<S>| {
            let common = common(&entry.tokens, prompt);
            let allowed = match &entry.reader {
                Reader::Owner(reader) => Some(reader) == owner,
                // Invariant: not a part of a system prompt, which would tell how another one begins.
                Reader::Everyone => common == entry.tokens.len(),
            };
            if allowed && entry.adapter == adapter { common } else { 0 }
        };
        let entries = self.entries.iter().enumerate();
        let best = entries.map(|(index, (_, entry))| Match { index, common: serves(entry) });
        best.max_by_key(|found| found.common).filter(|found| found.common > 0)
    }

    /// Whether everyone's entry for exactly these tokens is there.
    pub fn shares(&self, adapter: Option<usize>, tokens: &[LlamaToken]) -> bool {
        self.entries.iter().any(|(_, entry)| {
            entry.reader == Reader::Everyone && entry.adapter == adapter && entry.tokens == tokens
        })
    }

    /// What was found. It leaves the cache if most of it goes on in the slot that it is for, and stays as the most
    /// recent one otherwise.
    pub fn take(&mut self, found: Match) -> Entry<S> {
        let (_, entry) = self.entries.remove(found.index);
        let goes_on = found.common * 2 >= entry.tokens.len() || entry.reader.is_linear();
        if entry.reader != Reader::Everyone && goes_on {
            self.bytes -= entry.bytes;
        } else {
            self.entries.push((Instant::now(), entry.clone()));
        }
        entry
    }

    /// What was found, where it is.
    #[cfg(test)]
    pub fn peek(&self, found: Match) -> &Entry<S> {
        &self.entries[found.index].1
    }

    /// Drops all of an owner's.
    pub fn forget(&mut self, owner: &Owner) {
        self.remove(|entry| matches!(&entry.reader, Reader::Owner(reader) if reader == owner));
    }

    /// Drops what nobody used for so long. A session's entries end with the session.
    pub fn expire(&mut self, age: Duration) {
        let (bytes, now) = (&mut self.bytes, Instant::now());
        self.entries.retain(|(used, entry)| {
            let keep = entry.reader.is_linear() || now.duration_since(*used) < age;
            *bytes -= if keep { 0 } else { entry.bytes };
            keep
        });
    }

    /// Drops what `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&S) -> bool) {
        self.remove(|entry| !keep(&entry.state));
    }

    /// Those who something is kept for.
    pub fn owners(&self) -> BTreeSet<Owner> {
        let reader = |entry: &Entry<S>| match &entry.reader {
            Reader::Owner(owner) => Some(owner.clone()),
            Reader::Everyone => None,
        };
        self.entries.iter().filter_map(|(_, entry)| reader(entry)).collect()
    }

    /// Bytes of all states.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn remove(&mut self, which: impl Fn(&Entry<S>) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|(_, entry)| {
            let gone = which(entry);
            *bytes -= if gone { entry.bytes } else { 0 };
            !gone
        });
    }
}

#[cfg(test)]
mod tests;
