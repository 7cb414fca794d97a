//! The model's own thread: one batch at a time, so that a query never waits for more than one batch of documents.
//!
//! Not here: who comes next (`queue.rs`).

use std::time::Instant;

use crate::Error;
use crate::model::Model;
use crate::queue::{Job, Queue};

/// Works until the queue is closed.
pub fn run(model: &mut Model, queue: &Queue) {
    let _closing = Closing(queue);
    while let Some(mut job) = queue.next() {
        // Whoever asked has left, or its deadline passed.
        if job.answer.is_closed() {
            continue;
        }
        let start = Instant::now();
        let result = step(model, &mut job);
        queue.record(start.elapsed());
        match result {
            Ok(()) if job.batches.is_empty() => finish(job),
            Ok(()) => queue.put_back(job),
            Err(error) => fail(job, error),
        }
    }
}

/// Embeds the job's next batch.
fn step(model: &mut Model, job: &mut Job) -> Result<(), Error> {
    let Some(batch) = job.batches.pop_front() else { return Ok(()) };
    let texts: Vec<_> = batch.texts.iter().map(|(_, text)| text.as_str()).collect();
    let vectors = model.embed(&texts)?;
    for ((index, _), vector) in batch.texts.iter().zip(vectors) {
        let start = index * job.dimensions;
        job.values[start..start + job.dimensions].copy_from_slice(&vector);
    }
    Ok(())
}

/// Sending fails when nobody waits any more, which is no one's loss.
fn finish(job: Job) {
    job.answer.send(Ok(job.values)).ok();
}

fn fail(job: Job, error: Error) {
    tracing::error!(%error, "embedding failed");
    job.answer.send(Err(error)).ok();
}

/// Closes the queue however the thread ends, so that nobody waits for it in vain.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
