//! What one request leaves for its log line and the metrics.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Filled by the imports while a request runs.
#[derive(Debug, Default)]
pub struct Record(Mutex<Option<Generated>>);

/// What the generations of one request took together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generated {
    /// Milliseconds of waiting for a slot.
    pub queue_ms: u32,
    /// Milliseconds to the first token of the last generation, which is the answer's.
    pub first_token_ms: u32,
    /// Tokens of the prompts.
    pub prompt_tokens: u32,
    /// Those of them that came from the cache.
    pub cached_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
}

impl Record {
    /// Adds a finished generation.
    pub fn generation(&self, usage: &corral_inference::Usage) {
        let mut sum = self.lock();
        let before = sum.unwrap_or(Generated::NONE);
        *sum = Some(Generated {
            queue_ms: before.queue_ms.saturating_add(usage.queue_ms),
            first_token_ms: usage.first_token_ms,
            prompt_tokens: before.prompt_tokens.saturating_add(usage.prompt_tokens),
            cached_tokens: before.cached_tokens.saturating_add(usage.cached_tokens),
            completion_tokens: before.completion_tokens.saturating_add(usage.completion_tokens),
        });
    }

    /// What was generated, if anything was.
    pub fn generated(&self) -> Option<Generated> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Generated>> {
        // Plain numbers: a panic elsewhere leaves nothing half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generated {
    const NONE: Self =
        Self { queue_ms: 0, first_token_ms: 0, prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0 };
}

#[cfg(test)]
mod tests {
    use super::*;
    use corral_inference::Usage;

    #[test]
    fn two_generations_are_added_up() {
        let usage = Usage {
            prompt_tokens: 10,
            cached_tokens: 4,
            completion_tokens: 3,
            queue_ms: 5,
            first_token_ms: 20,
            total_ms: 50,
        };
        let record = Record::default();
        assert_eq!(record.generated(), None);
        record.generation(&usage);
        record.generation(&Usage { first_token_ms: 30, ..usage });
        let expected = Generated {
            queue_ms: 10,
            first_token_ms: 30,
            prompt_tokens: 20,
            cached_tokens: 8,
            completion_tokens: 6,
        };
        assert_eq!(record.generated(), Some(expected));
    }
}
