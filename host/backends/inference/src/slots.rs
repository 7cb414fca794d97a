//! The sequences of the context: who owns what is in them, and which one a job gets.
//!
//! Not here: the KV cache itself (`worker` keeps it equal to what is written here).

use std::collections::BTreeSet;

use llama_cpp_2::token::LlamaToken;

use crate::answer::Answer;

/// One sequence of the context.
#[derive(Default)]
pub(crate) struct Slot {
    /// Whose content is in it. None: nobody's, and then `tokens` is empty or a job's without session.
    pub owner: Option<String>,
    /// Invariant: what the sequence holds in the KV cache, in this order from position 0.
    pub tokens: Vec<LlamaToken>,
    /// When it was used last; larger is later.
    pub used: u64,
    /// The job that has it now.
    pub answer: Option<Box<Answer>>,
}

/// All sequences.
pub(crate) struct Slots {
    slots: Vec<Slot>,
    clock: u64,
}

impl Slots {
    /// So many empty ones.
    pub fn new(count: u32) -> Self {
        Self { slots: (0..count).map(|_| Slot::default()).collect(), clock: 0 }
    }

    /// The idle slot for a prompt of `session`: the session's own with the longest common beginning,
    /// else one that nobody owns, else the one that was not used for longest.
    pub fn choose(&self, session: Option<&str>, prompt: &[LlamaToken]) -> Option<usize> {
        let idle = || self.slots.iter().enumerate().filter(|(_, slot)| slot.answer.is_none());
        let own = idle()
            .filter(|(_, slot)| session.is_some() && slot.owner.as_deref() == session)
            .max_by_key(|(_, slot)| (common(&slot.tokens, prompt), slot.used));
        let other = || idle().min_by_key(|(_, slot)| (slot.owner.is_some(), slot.used));
        own.or_else(other).map(|(index, _)| index)
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

    /// The sessions that something is kept for and that nothing is generated for, each once.
    pub fn resting(&self) -> Vec<String> {
        let owners = |busy: bool| -> BTreeSet<&String> {
            let slots = self.slots.iter().filter(|slot| slot.answer.is_some() == busy);
            slots.filter_map(|slot| slot.owner.as_ref()).collect()
        };
        owners(false).difference(&owners(true)).map(|&owner| owner.clone()).collect()
    }

    /// Notes that a slot is used now.
    pub fn touch(&mut self, index: usize) {
        self.clock += 1;
        self.slots[index].used = self.clock;
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

    fn slots(contents: &[(Option<&str>, &[i32])]) -> Slots {
        let count = u32::try_from(contents.len()).unwrap();
        let mut slots = Slots::new(count);
        for (index, (owner, ids)) in contents.iter().enumerate() {
            slots[index].owner = owner.map(Into::into);
            slots[index].tokens = tokens(ids);
            slots.touch(index);
        }
        slots
    }

    #[test]
    fn a_session_gets_its_own_slot_with_the_longest_beginning() {
        let slots =
            slots(&[(None, &[]), (Some("a"), &[1, 2]), (Some("a"), &[1, 2, 3]), (Some("b"), &[1, 2, 3, 4])]);
        assert_eq!(slots.choose(Some("a"), &tokens(&[1, 2, 3, 4])), Some(2));
    }

    #[test]
    fn others_get_an_unowned_slot_first_then_the_least_recently_used() {
        let mut slots = slots(&[(Some("a"), &[1]), (None, &[]), (Some("b"), &[1])]);
        assert_eq!(slots.choose(Some("c"), &tokens(&[1])), Some(1));
        assert_eq!(slots.choose(None, &tokens(&[1])), Some(1));
        slots[1].owner = Some("c".into());
        assert_eq!(slots.choose(Some("d"), &tokens(&[1])), Some(0));
        slots.touch(0);
        assert_eq!(slots.choose(Some("d"), &tokens(&[1])), Some(1));
    }
}
