//! One step: a token for every answer under way, and pieces of the prompts of others.

use std::time::Instant;

use llama_cpp_2::{DecodeError, token::LlamaToken};

use super::{Fatal, Worker};
use crate::{
    Error,
    plan::{Need, plan},
};

/// What one slot adds to a step.
pub(super) struct Part {
    pub slot: usize,
    pub tokens: Vec<LlamaToken>,
    /// Where in the batch the next token's odds will be, if one is to be chosen.
    pub output: Option<i32>,
}

impl Worker<'_> {
    /// What the next step computes; empty if there is nothing to do.
    pub(super) fn parts(&self) -> Vec<Part> {
        let needs: Vec<Need> = (0..self.slots.len()).map(|slot| self.need(slot)).collect();
        let n_batch = self.shared.config.n_batch as usize;
        let others_wait = needs.contains(&Need::Decode) || self.preparing.is_some();
        let counts = plan(&needs, n_batch, self.pace.prefill_limit(n_batch, others_wait));
        let parts = needs.iter().zip(counts).enumerate().filter(|(_, (_, count))| *count > 0);
        parts.map(|(slot, (need, count))| self.part(slot, *need, count)).collect()
    }

    fn need(&self, slot: usize) -> Need {
        let (held, answer) = (self.slots[slot].tokens.len(), self.slots[slot].answer.as_ref());
        match (answer, &self.preparing) {
            (Some(answer), _) if answer.next.is_some() => Need::Decode,
            (Some(answer), _) => Need::Prefill(answer.job.prompt.len() - held),
            (None, Some((preparing, preparation))) if *preparing == slot => {
                Need::Prefill(preparation.prompt.len() - held)
            }
            (None, _) => Need::Nothing,
        }
    }

    fn part(&self, slot: usize, need: Need, count: usize) -> Part {
        let held = self.slots[slot].tokens.len();
        let answer = self.slots[slot].answer.as_ref();
        let prompt = match (answer, &self.preparing) {
            (Some(answer), _) => &answer.job.prompt,
            (None, Some((_, preparation))) => &preparation.prompt,
            (None, None) => return Part { slot, tokens: Vec::new(), output: None },
        };
        let tokens = match answer.and_then(|answer| answer.next) {
            Some(next) => vec![next],
            None => prompt[held..held + count].to_vec(),
        };
        let chooses = answer.is_some() && matches!(need, Need::Decode)
            || answer.is_some() && held + count == prompt.len();
        // The place in the batch is only known when the batch is filled.
        Part { slot, tokens, output: chooses.then_some(-1) }
    }

    pub(super) fn step(&mut self, mut parts: Vec<Part>) -> Result<(), Fatal> {
        self.compute(&mut parts)?;
        for part in parts {
            if let Some(output) = part.output {
                self.choose(part.slot, output)?;
            }
        }
        Ok(())
    }

    /// Computes the parts, and notes what the slots hold then.
    pub(super) fn compute(&mut self, parts: &mut [Part]) -> Result<(), Fatal> {
        self.batch.clear();
        for part in parts.iter_mut() {
            let held = self.slots[part.slot].tokens.len();
            let last = part.tokens.len().saturating_sub(1);
            for (index, token) in part.tokens.iter().enumerate() {
                let chooses = part.output.is_some() && index == last;
                let position = i32::try_from(held + index).unwrap_or(i32::MAX);
                let sequence = i32::try_from(part.slot).unwrap_or(i32::MAX);
                if chooses {
                    part.output = Some(self.batch.n_tokens());
                }
                self.batch
                    .add(*token, position, &[sequence], chooses)
                    .map_err(|error| format!("filling a batch: {error}"))?;
            }
        }
        let began = Instant::now();
        self.decode()?;
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
    fn choose(&mut self, slot: usize, output: i32) -> Result<(), Fatal> {
        let Some(answer) = &mut self.slots[slot].answer else { return Ok(()) };
        match answer.job.sampler.sample(&self.context, output) {
            Ok(token) => match answer.take(token, &self.loaded.model.vocab()) {
                Some(finish) => self.complete(slot, finish),
                None => Ok(()),
            },
            Err(_stuck) => {
                let error = Error::InvalidArgument("the constraint allows no further token".into());
                self.end(slot, |answer| answer.fail(error));
                self.release(slot)
            }
        }
    }
}
