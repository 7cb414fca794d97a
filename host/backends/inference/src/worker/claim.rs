//! How a slot becomes an owner's: what it held goes to the cache, and what is known of the prompt comes in.
//!
//! Not here: which slot that is (`slots`), and what else the cache holds (`cache`).

use std::sync::Arc;

use llama_cpp_2::token::LlamaToken;

use super::{Fatal, Worker};
use crate::{
    Owner,
    cache::{Entry, Match, Reader},
    ffi::{self, NoState, State},
    slots::{Place, common},
};

/// Fewer tokens are computed again in less time than it takes to look after them.
const WORTH_KEEPING: usize = 16;

/// A prompt that wants a slot.
pub(super) struct Wanted<'a> {
    pub owner: Option<&'a Owner>,
    pub adapter: Option<usize>,
    pub prompt: &'a [LlamaToken],
}

/// Where something of use to a prompt was found.
enum Found {
    Memory(Match),
    Disk(Match),
}

impl Found {
    fn common(&self) -> usize {
        match self {
            Self::Memory(found) | Self::Disk(found) => found.common,
        }
    }
}

impl Worker<'_> {
    /// Gives an idle slot to the prompt's owner, with as much of the prompt as is known to the owner or to everyone.
    /// At least the last token is left out, for its odds are not kept. None if no slot is idle.
    pub(super) fn claim(&mut self, wanted: &Wanted<'_>) -> Result<Option<usize>, Fatal> {
        let Wanted { owner, adapter, prompt } = *wanted;
        let elsewhere = self.find(wanted).map_or(0, |found| found.common());
        let Some(place) = self.slots.choose(owner, adapter, prompt, elsewhere) else { return Ok(None) };
        let index = match place {
            Place::Own { index, common } => {
                self.clear(index, common)?;
                index
            }
            Place::Other { index } => {
                self.vacate(index, wanted)?;
                self.load(index, wanted)?;
                index
            }
        };
        self.slots[index].owner = owner.cloned();
        self.slots[index].adapter = adapter;
        self.slots.touch(index);
        self.clear(index, self.slots[index].tokens.len().min(prompt.len().saturating_sub(1)))?;
        Ok(Some(index))
    }

    /// Moves what is in an idle slot to the cache. What cannot be kept is lost, but for what the next prompt can use.
    fn vacate(&mut self, index: usize, next: &Wanted<'_>) -> Result<(), Fatal> {
        let slot = &self.slots[index];
        let same = slot.owner.is_some() && slot.owner.as_ref() == next.owner && slot.adapter == next.adapter;
        // Invariant: only an owner's own content stays in place.
        let of_use = if same { common(&slot.tokens, next.prompt) } else { 0 };
        let kept = self.keep(index)?;
        self.clear(index, if kept { 0 } else { of_use })
    }

    /// Keeps a copy of an owned slot's content. Whether that was possible.
    fn keep(&mut self, index: usize) -> Result<bool, Fatal> {
        let slot = &self.slots[index];
        let Some(owner) = &slot.owner else { return Ok(false) };
        let reader = Reader::Owner(owner.clone());
        if slot.tokens.len() < WORTH_KEEPING {
            return Ok(false);
        }
        self.store(index, reader)
    }

    /// Puts a copy of a slot's content into the cache, if it has room for it.
    fn store(&mut self, index: usize, reader: Reader) -> Result<bool, Fatal> {
        if !self.cache.holds(ffi::size(&self.context, sequence(index))) {
            return Ok(false);
        }
        let state = match ffi::state(&self.context, sequence(index)) {
            Ok(state) => state,
            Err(error @ NoState::Memory(_)) => {
                tracing::warn!(%error, "a conversation's state is lost; its next turn is read anew");
                return Ok(false);
            }
            Err(error @ NoState::Size { .. }) => return Err(error.to_string()),
        };
        let slot = &self.slots[index];
        let (tokens, bytes) = (slot.tokens.clone(), state.bytes().len());
        if let (Some(spill), Reader::Owner(owner)) = (&mut self.spill, &reader)
            && matches!(owner, Owner::Session(_))
        {
            // An older state of the same conversation.
            spill.forget(owner);
        }
        let entry = Entry { reader, adapter: slot.adapter, tokens, state: Arc::new(state), bytes };
        for gone in self.cache.put(entry) {
            if let Some(spill) = &mut self.spill {
                spill.put(gone);
            }
        }
        Ok(true)
    }

    /// What saves most of a prompt, in memory or on the disk.
    fn find(&mut self, wanted: &Wanted<'_>) -> Option<Found> {
        let Wanted { owner, adapter, prompt } = *wanted;
        let memory = self.cache.find(owner, adapter, prompt).map(Found::Memory);
        let disk = self.spill.as_mut().and_then(|spill| spill.find(owner, adapter, prompt)).map(Found::Disk);
        let least = memory.as_ref().map_or(0, Found::common);
        disk.filter(|disk| disk.common() > least).or(memory)
    }

    fn take(&mut self, found: &Found) -> Option<Entry<Arc<State>>> {
        match (found, &mut self.spill) {
            (Found::Memory(found), _) => Some(self.cache.take(*found)),
            (Found::Disk(found), Some(spill)) => match spill.take(*found) {
                Ok(entry) => Some(entry),
                Err(error) => {
                    tracing::error!(%error, "reading a state from the disk");
                    None
                }
            },
            (Found::Disk(_), None) => None,
        }
    }

    /// Brings into a vacated slot what the cache knows of the prompt, where that is more than the slot has.
    fn load(&mut self, index: usize, wanted: &Wanted<'_>) -> Result<(), Fatal> {
        let held = self.slots[index].tokens.len();
        let Some(found) = self.find(wanted).filter(|found| found.common() > held) else { return Ok(()) };
        let Some(entry) = self.take(&found) else { return Ok(()) };
        self.clear(index, 0)?;
        if ffi::restore(&mut self.context, sequence(index), &entry.state) {
            self.slots[index].tokens = entry.tokens;
            return self.clear(index, found.common());
        }
        // The prompt is computed then. llama.cpp has logged why.
        tracing::warn!("a cached state could not be restored");
        self.clear(index, 0)
    }

    /// Keeps the system prompt of a slot's job for everyone, if the slot holds just that now.
    pub(super) fn share(&mut self, index: usize) -> Result<(), Fatal> {
        let slot = &self.slots[index];
        let shared = slot.answer.as_ref().map_or(0, |answer| answer.job.shared);
        if shared > 0 && slot.tokens.len() == shared && !self.cache.shares(slot.adapter, &slot.tokens) {
            self.store(index, Reader::Everyone)?;
        }
        Ok(())
    }

    /// Tokens after which a slot's prompt is interrupted, so that its system prompt can be kept by itself.
    pub(super) fn cut(&self, index: usize) -> Option<usize> {
        let slot = &self.slots[index];
        let job = &slot.answer.as_ref()?.job;
        let ahead = job.shared.checked_sub(slot.tokens.len()).filter(|&ahead| ahead > 0)?;
        (!self.cache.shares(slot.adapter, &job.prompt[..job.shared])).then_some(ahead)
    }
}

/// llama.cpp's number for a slot's sequence.
pub(super) fn sequence(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
