//! The engine thread's loop: gives slots to jobs, and steps all of them together.
//!
//! Not here: what a step computes (`step`, `plan`). Invariant: the context never leaves this thread; llama.cpp does not lock it.

mod step;

use std::time::Instant;

use llama_cpp_2::{context::LlamaContext, llama_batch::LlamaBatch, token::LlamaToken};

use crate::{
    Error, Finish,
    answer::Answer,
    loading::{self, Loaded},
    plan::Pace,
    queue::{Job, Preparation, forgotten},
    shared::Shared,
    slots::{Slots, common},
    worker::step::Part,
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
    pace: Pace,
    /// A transcript that is being read, and its slot.
    preparing: Option<(usize, Preparation)>,
}

impl<'model> Worker<'model> {
    /// Makes the context and tries it.
    pub fn new(shared: &'model Shared, loaded: &'model Loaded) -> Result<Self, Fatal> {
        let config = &shared.config;
        let context = loading::context(config, loaded)?;
        let batch = LlamaBatch::new(config.n_batch as usize, 1);
        let slots = Slots::new(config.parallel);
        let capacity = loaded.description.context_length.saturating_mul(config.parallel);
        shared.gauges.set_capacity(capacity);
        let pace = Pace::default();
        let mut worker = Self { context, batch, loaded, shared, slots, pace, preparing: None };
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
            self.tell();
            self.sweep()?;
            self.admit()?;
            self.prepare()?;
            self.shared.gauges.set_activity(self.slots.running(), self.slots.tokens());
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
            self.compute(&mut [Part { slot: 0, tokens, output: None }])?;
            self.clear(0, 0)?;
        }
        self.pace.settle(self.shared.config.n_batch as usize);
        Ok(())
    }

    fn forget(&mut self) -> Result<(), Fatal> {
        for forgetting in self.shared.queue.forgettings() {
            let session = Some(forgetting.session.as_str());
            self.preparing.take_if(|(_, preparation)| Some(preparation.session.as_str()) == session);
            for slot in 0..self.slots.len() {
                if self.slots[slot].owner.as_deref() == session {
                    self.end(slot, |answer| answer.fail(forgotten()));
                    self.slots[slot].owner = None;
                    self.clear(slot, 0)?;
                }
            }
            self.shared.gauges.set_activity(self.slots.running(), self.slots.tokens());
            // Whoever asked may have left.
            let _ = forgetting.done.send(());
        }
        Ok(())
    }

    /// Answers those who want to know for which sessions something is kept.
    fn tell(&self) {
        for inquiry in self.shared.queue.inquiries() {
            // Whoever asked may have left.
            let _ = inquiry.send(self.slots.resting());
        }
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
            && let Some(job) = self.shared.queue.next_job()
        {
            self.interrupt();
            self.start(job)?;
        }
        Ok(())
    }

    fn start(&mut self, job: Job) -> Result<(), Fatal> {
        let Some(slot) = self.slots.choose(job.session.as_deref(), &job.prompt) else {
            return Err("a job was started without an idle slot".into());
        };
        let cached = self.claim(slot, job.session.clone(), &job.prompt)?;
        self.slots[slot].answer = Some(Box::new(Answer::new(job, cached)));
        Ok(())
    }

    /// Makes a slot the session's, with as much of `prompt` as it holds. At least the last token is
    /// left out, for its odds are not kept.
    fn claim(&mut self, slot: usize, session: Option<String>, prompt: &[LlamaToken]) -> Result<usize, Fatal> {
        let own = session.is_some() && self.slots[slot].owner == session;
        // Invariant: what another session's prompts left is never read, not even an equal beginning.
        let keep = if own { common(&self.slots[slot].tokens, prompt) } else { 0 };
        self.slots[slot].owner = session;
        self.slots.touch(slot);
        self.clear(slot, keep.min(prompt.len().saturating_sub(1)))?;
        Ok(self.slots[slot].tokens.len())
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
            && let Some(slot) = self.slots.choose(Some(&preparation.session), &preparation.prompt)
        {
            if self.slots[slot].owner.as_ref() == Some(&preparation.session)
                && self.slots[slot].tokens.starts_with(&preparation.prompt)
            {
                continue;
            }
            self.claim(slot, Some(preparation.session.clone()), &preparation.prompt)?;
            self.preparing = Some((slot, preparation));
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
