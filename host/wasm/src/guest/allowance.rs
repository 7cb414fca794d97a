//! What one request may ask of models: which of them, and how many tokens.

use super::Program;
use std::sync::Arc;

/// What is left of it.
pub struct Allowance {
    models: Arc<[String]>,
    /// None is no bound.
    tokens: Option<u32>,
}

impl Allowance {
    pub(super) fn of(program: &Program) -> Self {
        let tokens = program.limits.tokens;
        Self::new(program.models.clone(), (tokens > 0).then_some(tokens))
    }

    /// Of these models, none being every one, so many tokens, none being any number.
    pub fn new(models: Arc<[String]>, tokens: Option<u32>) -> Self {
        Self { models, tokens }
    }

    /// The model that is meant, if it may be used: the first one that may where none is named, and the host's default
    /// where all may.
    pub fn model(&self, named: Option<String>) -> Option<Option<String>> {
        match named {
            _ if self.models.is_empty() => Some(named),
            None => Some(self.models.first().cloned()),
            Some(name) => self.models.contains(&name).then_some(Some(name)),
        }
    }

    /// The place of a model among those that may be used.
    pub fn place(&self, name: &str) -> Option<usize> {
        if self.models.is_empty() { Some(0) } else { self.models.iter().position(|model| model == name) }
    }

    /// Sets tokens aside for an answer of at most `wanted`: as many as are left, if that is fewer; none if none are.
    pub fn set_aside(&mut self, wanted: u32) -> Option<u32> {
        let Some(left) = &mut self.tokens else { return Some(wanted) };
        let granted = wanted.min(*left);
        *left -= granted;
        (granted > 0).then_some(granted)
    }

    /// What an answer did not need.
    pub fn give_back(&mut self, tokens: u32) {
        if let Some(left) = &mut self.tokens {
            *left = left.saturating_add(tokens);
        }
    }
}
