//! Keeps the sequences that are generated for next to each other.
//!
//! Where each sequence has its own part of the cache, llama.cpp computes only neighbours together
//! (`llama_batch_allocr::split_equal`, sequential): a gap between two of them costs one more pass over all weights for
//! every token. Moving a state costs about as much as a few tokens, once. Answers of one adapter alone are computed
//! together.

use std::{
    collections::BTreeMap,
    mem,
    time::{Duration, Instant},
};

use super::{Fatal, Worker, claim::sequence};
use crate::ffi::{self, NoState, State};

/// An answer that has fewer tokens left may be over before a move has paid.
const WORTH_MOVING: u32 = 16;

/// Nobody's next token waits longer than this for a move.
const LONGEST: Duration = Duration::from_millis(250);
/// Less says nothing of how fast states are copied.
const TELLING: usize = 1 << 20;

/// How fast states are copied, there and back.
#[derive(Debug)]
pub(super) struct Copying {
    /// As the last move was, but no less than half of what it was before: one that was held up tells little. Careful
    /// before the first, and 0 once llama.cpp has refused one.
    bytes_per_second: f64,
}

impl Default for Copying {
    fn default() -> Self {
        Self { bytes_per_second: 1e9 }
    }
}

impl Copying {
    /// Whether so many bytes are copied soon enough.
    fn allows(&self, bytes: usize) -> bool {
        bytes as f64 <= self.bytes_per_second * LONGEST.as_secs_f64()
    }

    fn learn(&mut self, bytes: usize, took: Duration) {
        if bytes >= TELLING {
            let measured = bytes as f64 / took.as_secs_f64().max(1e-6);
            self.bytes_per_second = measured.max(self.bytes_per_second / 2.0);
        }
    }

    /// Allows no more.
    fn give_up(&mut self) {
        self.bytes_per_second = 0.0;
    }
}

/// What a slot is to its neighbours.
#[derive(Debug, Clone, Copy)]
struct Neighbour {
    running: bool,
    /// Tokens to copy if it changes its place; none if it stays.
    weight: Option<usize>,
}

/// What is seen of a slot.
#[derive(Debug, Clone, Copy)]
struct Seen {
    adapter: Option<usize>,
    /// Tokens that its answer may still get, if it has one.
    left: Option<u32>,
    tokens: usize,
}

/// What the slots are to each other: the adapter with the most answers has its own put together, and those of others stay.
fn neighbours(slots: &[Seen]) -> Vec<Neighbour> {
    let mut answers = BTreeMap::<_, usize>::new();
    for slot in slots.iter().filter(|slot| slot.left.is_some()) {
        *answers.entry(slot.adapter).or_default() += 1;
    }
    let most = answers.into_iter().max_by_key(|(_, count)| *count).map(|(adapter, _)| adapter);
    let neighbour = |slot: &Seen| {
        let others = slot.left.is_some() && Some(slot.adapter) != most;
        let stays = others || slot.left.is_some_and(|left| left < WORTH_MOVING);
        Neighbour { running: slot.left.is_some() && !others, weight: (!stays).then_some(slot.tokens) }
    };
    slots.iter().map(neighbour).collect()
}

/// A running slot, and the idle one whose place it should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Move {
    running: usize,
    idle: usize,
}

/// The next move towards a row without gaps, by the way on which least is copied.
fn next_move(slots: &[Neighbour]) -> Option<Move> {
    let running: Vec<usize> = (0..slots.len()).filter(|&index| slots[index].running).collect();
    let (first, last) = (*running.first()?, *running.last()?);
    if last - first < running.len() {
        return None;
    }
    let row = |start: usize| {
        let row = start..start + running.len();
        let outside = running.iter().copied().filter(|index| !row.contains(index)).collect::<Vec<_>>();
        let holes = row.filter(|&index| !slots[index].running).collect::<Vec<_>>();
        let moved = outside.iter().chain(&holes).map(|&index| slots[index].weight);
        let weight = moved.sum::<Option<usize>>()?;
        Some((weight, Move { running: *outside.first()?, idle: *holes.first()? }))
    };
    let rows = (0..=slots.len() - running.len()).filter_map(row);
    rows.min_by_key(|(weight, _)| *weight).map(|(_, next)| next)
}

impl Worker<'_> {
    /// Closes the gaps between running slots, as far as there is memory and time for it.
    pub(super) fn gather(&mut self) -> Result<(), Fatal> {
        while let Some(Move { running, idle }) = self.next_move() {
            if !self.exchange(running, idle)? {
                break;
            }
            tracing::debug!(from = running, to = idle, "a sequence was moved beside the others");
        }
        Ok(())
    }

    fn next_move(&self) -> Option<Move> {
        let seen = self.slots.iter().map(|slot| Seen {
            adapter: slot.adapter,
            left: slot.answer.as_ref().map(|answer| answer.left()),
            tokens: slot.tokens.len(),
        });
        next_move(&neighbours(&seen.collect::<Vec<_>>()))
    }

    /// Has two slots change places. Whether they did: where both states are too much, all is as it was.
    fn exchange(&mut self, running: usize, idle: usize) -> Result<bool, Fatal> {
        let need: usize = [running, idle].map(|index| ffi::size(&self.context, sequence(index))).iter().sum();
        if need > self.cache.spare() || !self.copying.allows(need) {
            return Ok(false);
        }
        let began = Instant::now();
        let states = (self.copy(running)?, self.copy(idle)?);
        let (Ok(moved), Ok(resting)) = states else { return Ok(false) };
        let exchanged = self.settle(running, idle, moved.as_ref(), resting.as_ref())?;
        if exchanged {
            self.copying.learn(need, began.elapsed());
        } else {
            tracing::warn!("llama.cpp moves no states of this model; answers may be computed one by one");
            self.copying.give_up();
        }
        Ok(exchanged)
    }

    /// Puts each of two states into the other's slot. Whether llama.cpp took the one that `moved`; what runs stays where
    /// it is if not.
    pub(super) fn settle(
        &mut self,
        running: usize,
        idle: usize,
        moved: Option<&State>,
        resting: Option<&State>,
    ) -> Result<bool, Fatal> {
        // What runs is put down first, and given up where it was only then.
        self.wipe(idle)?;
        if !self.put(idle, moved) {
            self.wipe(idle)?;
            self.keep_or_forget(idle, resting)?;
            return Ok(false);
        }
        self.wipe(running)?;
        self.slots.swap(running, idle);
        self.keep_or_forget(running, resting)?;
        Ok(true)
    }

    /// A slot's state; none if it is empty. An error if there is no memory for it.
    fn copy(&self, index: usize) -> Result<Result<Option<State>, NoState>, Fatal> {
        if self.slots[index].tokens.is_empty() {
            return Ok(Ok(None));
        }
        match ffi::state(&self.context, sequence(index)) {
            Err(error @ NoState::Size { .. }) => Err(error.to_string()),
            state => Ok(state.map(Some)),
        }
    }

    /// Whether an empty slot has the state now.
    fn put(&mut self, index: usize, state: Option<&State>) -> bool {
        state.is_none_or(|state| ffi::restore(&mut self.context, sequence(index), state))
    }

    /// Puts what rested into an empty slot. Where llama.cpp does not take it, its owner's next prompt is read anew.
    fn keep_or_forget(&mut self, index: usize, state: Option<&State>) -> Result<(), Fatal> {
        if self.put(index, state) {
            return Ok(());
        }
        tracing::warn!("the state of a conversation could not be moved; its next turn is read anew");
        self.wipe(index)?;
        self.slots[index].owner = None;
        mem::take(&mut self.slots[index].tokens);
        Ok(())
    }

    /// Empties a sequence, whatever the slot says of it.
    fn wipe(&mut self, index: usize) -> Result<(), Fatal> {
        let sequence = u32::try_from(index).unwrap_or(u32::MAX);
        let wiped = self.context.clear_kv_cache_seq(Some(sequence), None, None);
        wiped.map(drop).map_err(|error| format!("clearing a sequence: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r` runs and `R` is too near its end to be moved, a digit is so many tokens at rest; what runs has five.
    fn slots(text: &str) -> Vec<Neighbour> {
        let slot = |letter: char| match letter {
            'r' => Neighbour { running: true, weight: Some(5) },
            'R' => Neighbour { running: true, weight: None },
            digit => Neighbour { running: false, weight: digit.to_digit(10).map(|tokens| tokens as usize) },
        };
        text.chars().map(slot).collect()
    }

    #[test]
    fn a_move_takes_no_longer_than_it_may() {
        let mut copying = Copying::default();
        assert!(copying.allows(250_000_000) && !copying.allows(250_000_001));
        copying.learn(10 << 20, Duration::from_secs(1));
        assert!(copying.allows(125_000_000), "one slow move stopped all");
        (0..10).for_each(|_| copying.learn(10 << 20, Duration::from_secs(1)));
        assert!(copying.allows(2 << 20) && !copying.allows(3 << 20));
        copying.learn(1, Duration::from_secs(1));
        assert!(copying.allows(2 << 20), "what is small tells nothing");
        copying.learn(10 << 20, Duration::from_millis(10));
        assert!(copying.allows(200 << 20), "it is not fast again");
        copying.give_up();
        assert!(!copying.allows(1));
    }

    #[test]
    fn the_answers_of_one_adapter_are_put_together() {
        // A letter runs with its adapter, `-` is empty.
        let slots = |text: &str| {
            let seen = |letter: char| match letter {
                '-' => Seen { adapter: None, left: None, tokens: 0 },
                'x' => Seen { adapter: None, left: Some(100), tokens: 5 },
                letter => Seen { adapter: Some(letter as usize), left: Some(100), tokens: 5 },
            };
            neighbours(&text.chars().map(seen).collect::<Vec<_>>())
        };
        assert_eq!(next_move(&slots("x-x-")), Some(Move { running: 2, idle: 1 }));
        assert_eq!(next_move(&slots("a-ax-")), Some(Move { running: 2, idle: 1 }));
        for row in ["axa", "xa-", "x-a", "a--"] {
            assert_eq!(next_move(&slots(row)), None, "{row}");
        }
        assert_eq!(next_move(&slots("axa--")), Some(Move { running: 0, idle: 3 }), "the others stay");
    }

    #[test]
    fn what_runs_has_no_gaps_and_nothing_moves_without_need() {
        for row in ["", "0", "r", "0000", "r000", "0r00", "rr00", "00rr", "rrrr", "0RR0"] {
            assert_eq!(next_move(&slots(row)), None, "{row}");
        }
    }

    #[test]
    fn a_gap_is_closed_where_least_is_copied() {
        for (row, running, idle) in [
            ("r0r0", 2, 1),
            // The place before the row is cheaper than the one between.
            ("0r9r", 3, 0),
            ("r9r0", 0, 3),
            ("rr0r", 3, 2),
            ("r0rr", 3, 1),
            ("r00r", 3, 1),
            // What ends soon stays.
            ("R0r0", 2, 1),
        ] {
            assert_eq!(next_move(&slots(row)), Some(Move { running, idle }), "{row}");
        }
        assert_eq!(next_move(&slots("R0R0")), None, "neither is worth it");
    }

    #[test]
    fn moves_come_to_an_end_in_one_row() {
        for row in ["r0r0r0r0", "rr0000rr", "r00r00r0", "0r9r9r90", "r123r456"] {
            let mut slots = slots(row);
            let mut moves = 0;
            while let Some(Move { running, idle }) = next_move(&slots) {
                assert!(slots[running].running && !slots[idle].running);
                slots.swap(running, idle);
                moves += 1;
                assert!(moves < row.len(), "{row}");
            }
            let runs = slots.split(|slot| !slot.running).filter(|run| !run.is_empty()).count();
            assert_eq!(runs, 1, "{row}");
        }
    }
}
