//! The sequences of the context: who owns what is in them, and which one a job gets.
//!
//! Not here: the KV cache itself (`worker` keeps it equal to what is written here).

use std::{collections::BTreeSet, time::Instant};

use llama_cpp_2::token::LlamaToken;

use crate::{Owner, answer::Answer, turns::Claim};

/// One sequence of the context.
pub(crate) struct Slot {
    /// Whose content is in it. None: nobody's, and then `tokens` is empty or a job's without owner.
    pub owner: Option<Owner>,
    /// The LoRA adapter that it was computed with.
    pub adapter: Option<usize>,
    /// Invariant: what the sequence holds in the KV cache, in this order from position 0.
    pub tokens: Vec<LlamaToken>,
    /// When it was used last.
    pub used: Instant,
    /// The job that has it now.
    pub answer: Option<Box<Answer>>,
}

impl Slot {
    fn empty() -> Self {
        Self { owner: None, adapter: None, tokens: Vec::new(), used: Instant::now(), answer: None }
    }

    /// Whether all of a transcript is in it, for its owner.
    pub fn has(&self, owner: &Owner, transcript: &[LlamaToken]) -> bool {
        self.owner.as_ref() == Some(owner) && self.adapter.is_none() && self.tokens.starts_with(transcript)
    }

    /// Whether a prompt that has the first `common` tokens goes on with this content, or branches from it: most of
    /// it is of use again, or it is a session's, which is one conversation.
    pub fn goes_on_after(&self, common: usize) -> bool {
        common * 2 >= self.tokens.len() || matches!(self.owner, Some(Owner::Session(_)))
    }
}

/// The slot that a prompt gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// One that holds the first `common` tokens for the same owner; the rest in it is of no more use.
    Own { index: usize, common: usize },
    /// One whose content may be of use to somebody.
    Other { index: usize },
}

/// All sequences.
pub(crate) struct Slots {
    slots: Vec<Slot>,
}

impl Slots {
    /// So many empty ones.
    pub fn new(count: u32) -> Self {
        Self { slots: (0..count).map(|_| Slot::empty()).collect() }
    }

    /// The idle slot for a prompt of `owner`, who finds so many of its tokens `elsewhere`.
    pub fn choose(
        &self,
        owner: Option<&Owner>,
        adapter: Option<usize>,
        prompt: &[LlamaToken],
        elsewhere: usize,
    ) -> Option<Place> {
        let idle = || self.slots.iter().enumerate().filter(|(_, slot)| slot.answer.is_none());
        let own = idle()
            .filter(|(_, slot)| owner.is_some() && slot.owner.as_ref() == owner && slot.adapter == adapter)
            .map(|(index, slot)| (common(&slot.tokens, prompt), index, slot))
            .max_by_key(|(common, _, slot)| (*common, slot.used))
            .filter(|&(common, ..)| common > 0 && common >= elsewhere)
            .filter(|&(common, _, slot)| slot.goes_on_after(common));
        let other = || idle().min_by_key(|(_, slot)| (slot.owner.is_some(), slot.used));
        own.map(|(common, index, _)| Place::Own { index, common })
            .or_else(|| other().map(|(index, _)| Place::Other { index }))
    }

    /// Whether a job could start.
    pub fn has_idle(&self) -> bool {
        self.slots.iter().any(|slot| slot.answer.is_none())
    }

    /// Jobs in slots.
    pub fn running(&self) -> usize {
        self.slots.iter().filter(|slot| slot.answer.is_some()).count()
    }

    /// Tokens in the KV cache.
    pub fn tokens(&self) -> usize {
        self.slots.iter().map(|slot| slot.tokens.len()).sum()
    }

    /// Those who something is kept for, where nothing is generated (`busy` being false) or something is.
    pub fn owners(&self, busy: bool) -> BTreeSet<Owner> {
        let slots = self.slots.iter().filter(|slot| slot.answer.is_some() == busy);
        slots.filter_map(|slot| slot.owner.clone()).collect()
    }

    /// On whose account jobs run.
    pub fn claims(&self) -> Vec<Claim<'_>> {
        self.slots.iter().filter_map(|slot| slot.answer.as_ref()).map(|answer| answer.job.claim()).collect()
    }

    /// Notes that a slot is used now.
    pub fn touch(&mut self, index: usize) {
        self.slots[index].used = Instant::now();
    }

    /// Has two change places, as their sequences have.
    pub fn swap(&mut self, one: usize, other: usize) {
        self.slots.swap(one, other);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }
}

impl std::ops::Index<usize> for Slots {
    type Output = Slot;

    fn index(&self, index: usize) -> &Slot {
        &self.slots[index]
    }
}

impl std::ops::IndexMut<usize> for Slots {
    fn index_mut(&mut self, index: usize) -> &mut Slot {
        &mut self.slots[index]
    }
}

/// Tokens with which both begin.
pub(crate) fn common(one: &[LlamaToken], other: &[LlamaToken]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(ids: &[i32]) -> Vec<LlamaToken> {
        ids.iter().copied().map(LlamaToken).collect()
    }

    fn session(id: &str) -> Owner {
        Owner::Session(id.into())
    }

    fn client(id: &str) -> Owner {
        Owner::Client(id.into())
    }

    fn slots(contents: &[(Option<Owner>, &[i32])]) -> Slots {
        let count = u32::try_from(contents.len()).unwrap();
        let mut slots = Slots::new(count);
        for (index, (owner, ids)) in contents.iter().enumerate() {
            slots[index].owner = owner.clone();
            slots[index].tokens = tokens(ids);
            slots.touch(index);
        }
        slots
    }

    fn chosen(slots: &Slots, owner: Option<Owner>, ids: &[i32], elsewhere: usize) -> Option<Place> {
        slots.choose(owner.as_ref(), None, &tokens(ids), elsewhere)
    }

    #[test]
    fn an_owner_gets_its_own_slot_with_the_longest_beginning() {
        let a = || Some(session("a"));
        let slots = slots(&[
            (None, &[]),
            (a(), &[1, 2]),
            (a(), &[1, 2, 3]),
            (Some(session("b")), &[1, 2, 3, 4]),
            (Some(client("a")), &[1, 2, 3, 4]),
        ]);
        assert_eq!(chosen(&slots, a(), &[1, 2, 3, 4], 0), Some(Place::Own { index: 2, common: 3 }));
        assert_eq!(
            chosen(&slots, a(), &[1, 2, 3, 4], 4),
            Some(Place::Other { index: 0 }),
            "more is elsewhere"
        );
        assert_eq!(slots.choose(a().as_ref(), Some(0), &tokens(&[1, 2]), 0), Some(Place::Other { index: 0 }));
    }

    #[test]
    fn a_clients_other_conversation_gets_another_slot() {
        let slots = slots(&[(Some(client("a")), &[1, 2, 3, 4, 5, 6]), (None, &[])]);
        let a = || Some(client("a"));
        assert_eq!(chosen(&slots, a(), &[1, 2, 9], 0), Some(Place::Other { index: 1 }));
        assert_eq!(chosen(&slots, a(), &[1, 2, 3, 9], 0), Some(Place::Own { index: 0, common: 3 }));
    }

    #[test]
    fn a_session_goes_on_in_its_slot_whatever_was_there() {
        let slots = slots(&[(Some(session("a")), &[1, 2, 3, 4, 5, 6]), (None, &[])]);
        let place = chosen(&slots, Some(session("a")), &[1, 9], 0);
        assert_eq!(place, Some(Place::Own { index: 0, common: 1 }));
    }

    #[test]
    fn others_get_an_unowned_slot_first_then_the_least_recently_used() {
        let mut slots = slots(&[(Some(session("a")), &[1]), (None, &[]), (Some(session("b")), &[1])]);
        assert_eq!(chosen(&slots, Some(session("c")), &[1], 0), Some(Place::Other { index: 1 }));
        assert_eq!(chosen(&slots, None, &[1], 0), Some(Place::Other { index: 1 }));
        slots[1].owner = Some(session("c"));
        assert_eq!(chosen(&slots, Some(session("d")), &[1], 0), Some(Place::Other { index: 0 }));
        slots.touch(0);
        assert_eq!(chosen(&slots, Some(session("d")), &[1], 0), Some(Place::Other { index: 1 }));
    }
}
