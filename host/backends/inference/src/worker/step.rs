//! One step: a token for every answer under way, and pieces of the prompts of others.

use std::{slice, time::Instant};

use llama_cpp_2::{DecodeError, token::LlamaToken};

use super::{Fatal, Worker};
use crate::{
    Error,
    odds::Odds,
    plan::{Need, plan},
    slots::Slot,
};

/// Parts in a row that may fail before the whole context is taken for broken.
const MOST_FAILURES: usize = 8;

/// What one slot adds to a step.
pub(super) struct Part {
    pub slot: usize,
    pub tokens: Vec<LlamaToken>,
    /// Whether the last token's odds are wanted.
    pub chooses: bool,
    /// Where in the batch these odds are, once it is filled.
    pub output: i32,
}

impl Part {
    /// So many tokens, and nothing to choose.
    pub fn reading(slot: usize, tokens: Vec<LlamaToken>) -> Self {
        Self { slot, tokens, chooses: false, output: 0 }
    }
}

impl Worker<'_> {
    /// What the next step computes, which is for one adapter; empty if there is nothing to do.
    pub(super) fn parts(&mut self) -> Vec<Part> {
        let mut needs: Vec<Need> = (0..self.slots.len()).map(|slot| self.need(slot)).collect();
        let waiting = needs.iter().zip(self.slots.iter()).filter(|(need, _)| **need != Need::Nothing);
        let adapter = self.adapters.next(waiting.map(|(_, waiting)| waiting.adapter));
        for (need, _) in needs.iter_mut().zip(self.slots.iter()).filter(|(_, slot)| slot.adapter != adapter) {
            *need = Need::Nothing;
        }
        let n_batch = self.shared.config.n_batch as usize;
        let others_wait = needs.contains(&Need::Decode) || self.preparing.is_some();
        let counts = plan(&needs, n_batch, self.pace.prefill_limit(n_batch, others_wait));
        let counted = needs.iter().zip(counts).enumerate().filter(|(_, (_, count))| *count > 0);
        let part = |(slot, (need, count)): (usize, (&Need, usize))| match need {
            Need::Decode => self.continuation(slot),
            Need::Prefill(_) | Need::Nothing => self.reading(slot, count),
        };
        counted.map(part).collect()
    }

    fn need(&self, slot: usize) -> Need {
        let (held, answer) = (self.slots[slot].tokens.len(), self.slots[slot].answer.as_ref());
        match (answer, &self.preparing) {
            (Some(answer), _) if answer.next.is_some() => Need::Decode,
            (Some(answer), _) => {
                Need::Prefill(self.cut(slot).unwrap_or_else(|| answer.job.prompt.len() - held))
            }
            (None, Some((preparing, preparation))) if *preparing == slot => {
                Need::Prefill(preparation.prompt.len() - held)
            }
            (None, _) => Need::Nothing,
        }
    }

    /// The token that an answer chose last.
    fn continuation(&self, slot: usize) -> Part {
        let next = self.slots[slot].answer.as_ref().and_then(|answer| answer.next);
        Part { slot, chooses: next.is_some(), tokens: next.into_iter().collect(), output: 0 }
    }

    /// The next `count` tokens of what a slot has to read.
    fn reading(&self, slot: usize, count: usize) -> Part {
        let Slot { tokens: held, answer, .. } = &self.slots[slot];
        let prompt = match (answer, &self.preparing) {
            (Some(answer), _) => &answer.job.prompt,
            (None, Some((_, preparation))) => &preparation.prompt,
            (None, None) => return Part::reading(slot, Vec::new()),
        };
        let end = held.len() + count;
        let chooses = answer.is_some() && end == prompt.len();
        Part { slot, tokens: prompt[held.len()..end].to_vec(), chooses, output: 0 }
    }

    pub(super) fn step(&mut self, mut parts: Vec<Part>) -> Result<(), Fatal> {
        let adapter = parts.first().and_then(|part| self.slots[part.slot].adapter);
        match self.compute(&mut parts, adapter) {
            Ok(()) => parts.into_iter().try_for_each(|part| self.conclude(&part)),
            Err(reason) => self.salvage(parts, adapter, &reason),
        }
    }

    /// What follows when a part is computed.
    fn conclude(&mut self, part: &Part) -> Result<(), Fatal> {
        self.failures = 0;
        self.share(part.slot)?;
        if part.chooses { self.choose(part) } else { Ok(()) }
    }

    /// After a step that failed: each part is computed by itself, so that only those end that are at fault.
    fn salvage(&mut self, parts: Vec<Part>, adapter: Option<usize>, reason: &str) -> Result<(), Fatal> {
        tracing::warn!(reason, parts = parts.len(), "a step failed; its parts are tried one by one");
        let mut sound = Vec::with_capacity(parts.len());
        for part in parts {
            if self.rewind(part.slot)? {
                sound.push(part);
            } else {
                self.abandon(part.slot, reason.to_owned())?;
            }
        }
        for mut part in sound {
            match self.compute(slice::from_mut(&mut part), adapter) {
                Ok(()) => self.conclude(&part)?,
                Err(reason) => self.abandon(part.slot, reason)?,
            }
        }
        Ok(())
    }

    /// Ends what a slot was doing, and leaves nothing of it.
    fn abandon(&mut self, slot: usize, reason: Fatal) -> Result<(), Fatal> {
        self.failures += 1;
        if self.failures > MOST_FAILURES {
            return Err(reason);
        }
        tracing::error!(slot, reason, "an answer could not be computed");
        self.end(slot, |answer| answer.fail(Error::Unavailable(reason)));
        self.preparing.take_if(|(preparing, _)| *preparing == slot);
        self.slots[slot].owner = None;
        self.clear(slot, 0)
    }

    /// Takes back what a failed step may have left behind the slot's tokens. Whether the model can.
    fn rewind(&mut self, slot: usize) -> Result<bool, Fatal> {
        let held = u32::try_from(self.slots[slot].tokens.len()).unwrap_or(u32::MAX);
        let sequence = u32::try_from(slot).unwrap_or(u32::MAX);
        let removed = self.context.clear_kv_cache_seq(Some(sequence), Some(held), None);
        removed.map_err(|error| format!("clearing a sequence: {error}"))
    }

    /// Computes the parts, and notes what the slots hold then.
    pub(super) fn compute(&mut self, parts: &mut [Part], adapter: Option<usize>) -> Result<(), Fatal> {
        self.adapters.apply(&mut self.context, adapter)?;
        self.batch.clear();
        for part in parts.iter_mut() {
            let held = self.slots[part.slot].tokens.len();
            let last = part.tokens.len() - 1;
            for (index, token) in part.tokens.iter().enumerate() {
                let chooses = part.chooses && index == last;
                let position = i32::try_from(held + index).unwrap_or(i32::MAX);
                let sequence = i32::try_from(part.slot).unwrap_or(i32::MAX);
                if chooses {
                    part.output = self.batch.n_tokens();
                }
                self.batch
                    .add(*token, position, &[sequence], chooses)
                    .map_err(|error| format!("filling a batch: {error}"))?;
            }
        }
        let began = Instant::now();
        self.decode()?;
        self.shared.gauges.count_step();
        let tokens: usize = parts.iter().map(|part| part.tokens.len()).sum();
        self.pace.learn(tokens, began.elapsed());
        for part in parts {
            self.slots[part.slot].tokens.extend_from_slice(&part.tokens);
        }
        Ok(())
    }

    fn decode(&mut self) -> Result<(), Fatal> {
        let outcome = match self.context.decode(&mut self.batch) {
            // Each sequence has its own room, so this does not happen where that holds. Where it does
            // not, llama.cpp has put everything back, and idle slots can give theirs.
            Err(DecodeError::NoKvCacheSlot) => {
                self.evict_idle()?;
                self.context.decode(&mut self.batch)
            }
            outcome => outcome,
        };
        outcome.map_err(|error| format!("llama.cpp could not compute a step: {error}"))?;
        self.context.synchronize();
        Ok(())
    }

    /// Chooses the next token of an answer, and ends it if that was the last.
    fn choose(&mut self, part: &Part) -> Result<(), Fatal> {
        let Part { slot, output, .. } = *part;
        let Some(answer) = &mut self.slots[slot].answer else { return Ok(()) };
        let odds = answer.job.scores.map(|most| Odds::of(self.context.get_logits_ith(output), most));
        let Ok(token) = answer.job.sampler.sample(&self.context, output) else {
            let error = Error::InvalidArgument("the constraint allows no further token".into());
            self.end(slot, |answer| answer.fail(error));
            return self.release(slot);
        };
        match answer.take(token, odds, &self.loaded.model.vocab()) {
            None => Ok(()),
            Some(finish) => self.complete(slot, finish),
        }
    }
}
