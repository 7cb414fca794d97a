//! The engine thread's loop: gives slots to jobs, and steps all of them together.
//!
//! Not here: what a step computes (`step`, `plan`). Invariant: the context never leaves this thread; llama.cpp does not lock it.

mod claim;
mod gather;
mod step;

use std::{sync::Arc, time::Instant};

use llama_cpp_2::{context::LlamaContext, llama_batch::LlamaBatch, token::LlamaToken};

use crate::{
    Config, Error, Finish, Owner,
    adapters::Adapters,
    answer::Answer,
    cache::Cache,
    ffi::State,
    loading::{self, Loaded},
    plan::Pace,
    queue::{Job, Preparation, forgotten},
    shared::Shared,
    slots::{Slot, Slots},
    spill::Spill,
    worker::{claim::Wanted, gather::Copying, step::Part},
};

/// Tokens with which the pace is measured before the first job.
const WARM_UP: usize = 32;

/// A failure that ends the engine; its message says which.
pub(crate) type Fatal = String;

/// What the engine thread owns.
pub(crate) struct Worker<'model> {
    context: LlamaContext<'model>,
    batch: LlamaBatch<'static>,
    loaded: &'model Loaded,
    shared: &'model Shared,
    slots: Slots,
    cache: Cache<Arc<State>>,
    spill: Option<Spill>,
    adapters: &'model mut Adapters,
    pace: Pace,
    copying: Copying,
    /// Parts that could not be computed since one could.
    failures: usize,
    /// A transcript that is being read, and its slot.
    preparing: Option<(usize, Preparation)>,
}

impl<'model> Worker<'model> {
    /// Makes the context and tries it.
    pub fn new(
        shared: &'model Shared,
        loaded: &'model Loaded,
        adapters: &'model mut Adapters,
    ) -> Result<Self, Fatal> {
        let config = &shared.config;
        let context = loading::context(config, loaded)?;
        let batch = LlamaBatch::new(config.n_batch as usize, 1);
        let slots = Slots::new(config.parallel);
        let capacity = loaded.description.context_length.saturating_mul(config.parallel);
        shared.gauges.set_capacity(capacity);
        let cache = Cache::new(loaded.cache_bytes);
        let spill = spill(config).map_err(|error| format!("inference.spill_folder: {error}"))?;
        adapters.begin();
        let pace = Pace::default();
        let mut worker = Self {
            context,
            batch,
            loaded,
            shared,
            slots,
            cache,
            spill,
            adapters,
            pace,
            copying: Copying::default(),
            failures: 0,
            preparing: None,
        };
        worker.warm_up()?;
        Ok(worker)
    }

    /// Works until it is asked to stop.
    pub fn run(&mut self) -> Result<(), Fatal> {
        let outcome = self.work();
        let reason = outcome.clone().err().unwrap_or_else(|| "the engine was stopped".into());
        for slot in 0..self.slots.len() {
            self.end(slot, |answer| answer.fail(Error::Unavailable(reason.clone())));
        }
        outcome
    }

    fn work(&mut self) -> Result<(), Fatal> {
        while !self.shared.queue.is_stopping() {
            self.forget()?;
            self.tell()?;
            self.sweep()?;
            self.admit()?;
            self.gather()?;
            self.prepare()?;
            self.measure();
            let parts = self.parts();
            if parts.is_empty() {
                self.shared.queue.wait();
            } else {
                self.step(parts)?;
            }
        }
        Ok(())
    }

    /// Reads the weights into memory, and measures how fast prompts are read.
    fn warm_up(&mut self) -> Result<(), Fatal> {
        let any = LlamaToken(0);
        for count in [1, WARM_UP.min(self.shared.config.n_batch as usize)] {
            let tokens = vec![any; count];
            self.compute(&mut [Part::reading(0, tokens)], None)?;
            self.clear(0, 0)?;
        }
        self.pace.settle(self.shared.config.n_batch as usize);
        Ok(())
    }

    fn forget(&mut self) -> Result<(), Fatal> {
        for forgetting in self.shared.queue.forgettings() {
            let owner = &forgetting.owner;
            self.preparing.take_if(|(_, preparation)| preparation.owner == *owner);
            self.cache.forget(owner);
            self.spill.iter_mut().for_each(|spill| spill.forget(owner));
            for slot in 0..self.slots.len() {
                if self.slots[slot].owner.as_ref() == Some(owner) {
                    self.end(slot, |answer| answer.fail(forgotten()));
                    self.slots[slot].owner = None;
                    self.clear(slot, 0)?;
                }
            }
            self.measure();
            // Whoever asked may have left.
            let _ = forgetting.done.send(());
        }
        Ok(())
    }

    /// Answers those who want to know for whom something is kept, once what is too old is gone.
    fn tell(&mut self) -> Result<(), Fatal> {
        let inquiries = self.shared.queue.inquiries();
        if inquiries.is_empty() {
            return Ok(());
        }
        self.expire()?;
        let mut owners = self.slots.owners(false);
        owners.append(&mut self.cache.owners());
        self.spill.iter_mut().for_each(|spill| owners.append(&mut spill.index().owners()));
        let busy = self.slots.owners(true);
        let resting: Vec<Owner> = owners.into_iter().filter(|owner| !busy.contains(owner)).collect();
        for inquiry in inquiries {
            // Whoever asked may have left.
            let _ = inquiry.send(resting.clone());
        }
        Ok(())
    }

    /// Drops what was left alone for too long. A session's goes with the session.
    fn expire(&mut self) -> Result<(), Fatal> {
        let age = self.shared.config.cache_age;
        self.cache.expire(age);
        self.spill.iter_mut().for_each(|spill| spill.index().expire(age));
        for slot in 0..self.slots.len() {
            let Slot { owner, answer, used, .. } = &self.slots[slot];
            if matches!(owner, Some(Owner::Client(_))) && answer.is_none() && used.elapsed() >= age {
                self.slots[slot].owner = None;
                self.clear(slot, 0)?;
            }
        }
        Ok(())
    }

    fn measure(&self) {
        let gauges = &self.shared.gauges;
        gauges.set_activity(self.slots.running(), self.slots.tokens());
        gauges.set_cache(self.cache.bytes(), self.spill.as_ref().map_or(0, Spill::bytes));
    }

    /// Frees the slots of answers that nobody waits for.
    fn sweep(&mut self) -> Result<(), Fatal> {
        let now = Instant::now();
        for slot in 0..self.slots.len() {
            if self.slots[slot].answer.as_ref().is_some_and(|answer| answer.is_over(now)) {
                self.end(slot, |answer| answer.fail(Error::Deadline));
                self.release(slot)?;
            }
        }
        Ok(())
    }

    /// Gives idle slots to waiting jobs.
    fn admit(&mut self) -> Result<(), Fatal> {
        while self.slots.has_idle()
            && let Some(job) = self.shared.queue.next_job(&self.slots.claims())
        {
            self.interrupt();
            self.start(job)?;
        }
        Ok(())
    }

    fn start(&mut self, job: Job) -> Result<(), Fatal> {
        let wanted = Wanted { owner: job.owner.as_ref(), adapter: job.adapter, prompt: &job.prompt };
        let Some(slot) = self.claim(&wanted)? else {
            return Err("a job was started without an idle slot".into());
        };
        let cached = self.slots[slot].tokens.len();
        self.slots[slot].answer = Some(Box::new(Answer::new(job, cached)));
        Ok(())
    }

    /// Reads a transcript if there is nothing else to do.
    fn prepare(&mut self) -> Result<(), Fatal> {
        if self.slots.running() > 0 || self.shared.queue.len() > 0 {
            self.interrupt();
            return Ok(());
        }
        if let Some((slot, preparation)) = &self.preparing
            && self.slots[*slot].tokens.len() >= preparation.prompt.len()
        {
            self.preparing = None;
        }
        while self.preparing.is_none()
            && let Some(preparation) = self.shared.queue.next_preparation()
        {
            let Preparation { prompt, owner } = &preparation;
            if self.slots.iter().any(|slot| slot.has(owner, prompt)) {
                continue;
            }
            let slot = self.claim(&Wanted { owner: Some(owner), adapter: None, prompt })?;
            self.preparing = slot.map(|slot| (slot, preparation));
        }
        Ok(())
    }

    /// Leaves the transcript for later. What is read of it stays in its slot.
    fn interrupt(&mut self) {
        if let Some((_, preparation)) = self.preparing.take() {
            self.shared.queue.resume_later(preparation);
        }
    }

    fn evict_idle(&mut self) -> Result<(), Fatal> {
        for slot in 0..self.slots.len() {
            let preparing = self.preparing.as_ref().is_some_and(|(preparing, _)| *preparing == slot);
            if self.slots[slot].answer.is_none() && !preparing {
                self.slots[slot].owner = None;
                self.clear(slot, 0)?;
            }
        }
        Ok(())
    }

    fn complete(&mut self, slot: usize, finish: Finish) -> Result<(), Fatal> {
        self.end(slot, |answer| answer.finish(finish));
        self.release(slot)
    }

    /// Takes the answer out of its slot, ends it with `ending`, and counts it.
    fn end(&mut self, slot: usize, ending: impl FnOnce(Answer) -> crate::Usage) {
        let Some(answer) = self.slots[slot].answer.take() else { return };
        let took = answer.started().elapsed();
        let usage = ending(*answer);
        self.shared.gauges.count(&usage, took);
        tracing::debug!(slot, ?usage, "answer ended");
    }

    /// Leaves in a free slot what its session may use again; a job without session leaves nothing.
    fn release(&mut self, slot: usize) -> Result<(), Fatal> {
        self.slots.touch(slot);
        match self.slots[slot].owner {
            Some(_) => Ok(()),
            None => self.clear(slot, 0),
        }
    }

    /// Keeps the first `keep` tokens of a slot, or none where the model cannot forget a part.
    fn clear(&mut self, slot: usize, keep: usize) -> Result<(), Fatal> {
        if keep >= self.slots[slot].tokens.len() && keep > 0 {
            return Ok(());
        }
        let sequence = u32::try_from(slot).unwrap_or(u32::MAX);
        let failed = |error| format!("clearing a sequence: {error}");
        let from = u32::try_from(keep).ok().filter(|&keep| keep > 0);
        let removed = self.context.clear_kv_cache_seq(Some(sequence), from, None).map_err(failed)?;
        if removed {
            self.slots[slot].tokens.truncate(keep);
        } else {
            self.context.clear_kv_cache_seq(Some(sequence), None, None).map_err(failed)?;
            self.slots[slot].tokens.clear();
        }
        Ok(())
    }
}

/// The disk for states, if the settings name a folder.
fn spill(config: &Config) -> std::io::Result<Option<Spill>> {
    let limit = usize::try_from(config.spill_bytes.as_u64()).unwrap_or(usize::MAX);
    config.spill_folder.as_ref().map(|folder| Spill::open(folder, limit)).transpose()
}

#[cfg(test)]
mod tests;
