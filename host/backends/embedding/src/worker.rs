//! The model's threads: one batch at a time.
//!
//! Not here: what comes next (`queue.rs`).

#[cfg(test)]
mod tests;

use std::thread;
use std::time::Instant;

use crate::Error;
use crate::queue::Queue;

/// Starts a thread of this name.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let spawned = thread::Builder::new().name(name.into()).spawn(work);
    spawned.map(drop).map_err(|error| Error::Load(format!("starting the thread {name}: {error}")))
}

/// Works until the queue is closed. `model` gives the vectors of texts that run together.
pub fn run(mut model: impl FnMut(&[&str]) -> Result<Vec<Vec<f32>>, Error>, queue: &Queue) {
    let _closing = Closing(queue);
    while let Some(batch) = queue.next() {
        let start = Instant::now();
        let texts: Vec<_> = batch.texts.iter().map(|text| text.text.as_str()).collect();
        let vectors = model(&texts);
        // First, for whoever is told may be back before the next line.
        queue.ended(start.elapsed());
        match vectors {
            Ok(vectors) => {
                for (text, vector) in batch.texts.into_iter().zip(vectors) {
                    text.answer(Ok(vector));
                }
            }
            // The tokenizer has read each text alone before: what fails is the model, and not one caller's text.
            Err(error) => {
                tracing::error!(%error, "embedding failed");
                for text in batch.texts {
                    text.answer(Err(error.clone()));
                }
            }
        }
    }
}

/// Closes the queue however the thread ends, so that nobody waits for it in vain.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
