//! What fits into the context, and what is left out when not everything does.
//!
//! The rules:
//! - System prompt and question are always in. They alone too long: an overflow, with both counts.
//! - Room for the answer is kept, at most half of the context. Only system prompt and question may
//!   take from it, down to `SHORTEST_ANSWER`.
//! - Of what is left, passages take at most half, best first; turns take the rest, newest first;
//!   what either leaves over goes to the other.
//! - Where turns have to go, the cut is placed by `steady_cut`, so that it stays for several turns.
//! - Nothing goes silently: `Plan::trimmed` says what.
//!
//! How much a part takes is estimated from its length (`costs.rs`); the input that is used was always
//! counted whole, exactly, by the model's own tokenizer. Not here: how the input is laid out (`prompt.rs`).

mod costs;
#[cfg(test)]
mod tests;

use crate::bindings::corral::host::inference::{Message, Overflow};
use crate::bindings::corral::host::sessions::Turn;
use crate::bindings::corral::host::vectors::Hit;
use crate::bindings::exports::corral::chat::turns::{Error, Trimmed};
use crate::prompt;
use costs::Costs;

/// The answer is never pushed below this many tokens, unless fewer were asked for.
const SHORTEST_ANSWER: u32 = 64;

/// Everything that could be in the prompt.
pub struct Material {
    pub system: Option<String>,
    /// Stored turns older than those in `history`, which were not read.
    pub unread: u32,
    /// Oldest first.
    pub history: Vec<Turn>,
    /// Best first.
    pub passages: Vec<Hit>,
    /// Whether documents could not be searched, which is why there are no passages.
    pub retrieval_unavailable: bool,
    pub question: String,
}

/// The tokens that there are.
#[derive(Debug, Clone, Copy)]
pub struct Space {
    /// For prompt and answer together.
    pub context: u32,
    /// How long the answer may become.
    pub answer: u32,
}

/// How many of the newest turns and of the best passages the prompt has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    pub turns: usize,
    pub passages: usize,
}

/// The prompt, and the answer's length that it leaves room for.
#[derive(Debug)]
pub struct Plan {
    pub keep: Keep,
    pub messages: Vec<Message>,
    pub answer_tokens: u32,
    /// What is missing, if anything is.
    pub trimmed: Option<Trimmed>,
}

/// Chooses what the prompt has. `count` gives the exact tokens of an input.
///
/// One count when everything fits; otherwise mostly four.
pub fn plan(
    material: &Material,
    space: Space,
    mut count: impl FnMut(Vec<Message>) -> Result<u32, Error>,
) -> Result<Plan, Error> {
    let everything = material.everything();
    let full = count(material.chat(everything))?;
    if material.unread == 0 && full <= space.context.saturating_sub(space.reserve()) {
        return Ok(material.plan(everything, full, full, space));
    }
    let base = count(material.chat(Keep { turns: 0, passages: 0 }))?;
    let room = space.prompt_room(base)?;
    let with_passages = match material.passages.len() {
        0 => base,
        passages => count(material.chat(Keep { turns: 0, passages }))?,
    };
    let costs =
        Costs::estimate(material, full.saturating_sub(with_passages), with_passages.saturating_sub(base));
    let (keep, tokens) = fit(&costs, base, room, |keep| count(material.chat(keep)))?;
    let wanted = full.saturating_add(costs.unread());
    Ok(material.plan(keep, tokens, wanted, space))
}

impl Material {
    /// The finished turns that the prompt has.
    pub fn kept(&self, keep: Keep) -> &[Turn] {
        &self.history[self.history.len().saturating_sub(keep.turns)..]
    }

    fn everything(&self) -> Keep {
        Keep { turns: self.history.len(), passages: self.passages.len() }
    }

    fn chat(&self, keep: Keep) -> Vec<Message> {
        let passages = &self.passages[..keep.passages];
        prompt::chat(self.system.as_deref(), self.kept(keep), passages, &self.question)
    }

    fn plan(&self, keep: Keep, tokens: u32, wanted: u32, space: Space) -> Plan {
        let turns = self.unread.saturating_add(length(self.history.len() - keep.turns));
        let sources = length(self.passages.len() - keep.passages);
        let retrieval_unavailable = self.retrieval_unavailable;
        let trimmed = (turns > 0 || sources > 0 || retrieval_unavailable).then_some(Trimmed {
            turns,
            sources,
            tokens: wanted,
            retrieval_unavailable,
        });
        let answer_tokens = space.answer.min(space.context.saturating_sub(tokens));
        Plan { keep, messages: self.chat(keep), answer_tokens, trimmed }
    }
}

impl Space {
    /// The room kept for the answer.
    fn reserve(self) -> u32 {
        self.answer.min(self.context / 2)
    }

    /// The tokens that the prompt may have, if `base` of them cannot be left out.
    fn prompt_room(self, base: u32) -> Result<u32, Error> {
        let most = self.context.saturating_sub(self.answer.min(SHORTEST_ANSWER));
        if base > most {
            return Err(Error::ContextOverflow(Overflow { need: base, have: most }));
        }
        Ok(base.max(self.context - self.reserve()))
    }
}

/// Keeps as much as `costs` say fits, and less of it until the exact count agrees.
fn fit(
    costs: &Costs,
    base: u32,
    room: u32,
    mut count: impl FnMut(Keep) -> Result<u32, Error>,
) -> Result<(Keep, u32), Error> {
    let nothing = Keep { turns: 0, passages: 0 };
    let available = room - base;
    let mut target = available;
    let mut refused = None;
    loop {
        let keep = costs.choose(target);
        if keep == nothing {
            return Ok((nothing, base));
        }
        // At least a thirtieth less each time, so that this ends soon.
        let mut less = target.saturating_sub(1 + target / 32);
        if refused != Some(keep) {
            let tokens = count(keep)?;
            if tokens <= room {
                return Ok((keep, tokens));
            }
            less = less.min(scale(target, available, tokens - base));
            refused = Some(keep);
        }
        target = less;
    }
}

/// `target`, lowered as much as an estimate was too low.
fn scale(target: u32, available: u32, taken: u32) -> u32 {
    let scaled = u64::from(target) * u64::from(available) / u64::from(taken.max(1));
    u32::try_from(scaled).unwrap_or(u32::MAX)
}

/// A list's length in the contract's integer.
fn length(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}
