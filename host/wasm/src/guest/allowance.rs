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
        Self { models: program.models.clone(), tokens: (tokens > 0).then_some(tokens) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance(models: &[&str], tokens: Option<u32>) -> Allowance {
        Allowance { models: models.iter().map(|name| (*name).to_owned()).collect(), tokens }
    }

    #[test]
    fn the_first_model_is_meant_where_none_is_named() {
        let some = allowance(&["small", "large"], None);
        assert_eq!(some.model(None), Some(Some("small".into())));
        assert_eq!(some.model(Some("large".into())), Some(Some("large".into())));
        assert_eq!(some.model(Some("other".into())), None);
        assert_eq!((some.place("large"), some.place("other")), (Some(1), None));
        let all = allowance(&[], None);
        assert_eq!(all.model(None), Some(None));
        assert_eq!(
            (all.model(Some("other".into())), all.place("other")),
            (Some(Some("other".into())), Some(0))
        );
    }

    #[test]
    fn tokens_are_set_aside_until_there_are_none() {
        let mut some = allowance(&[], Some(100));
        assert_eq!(some.set_aside(80), Some(80));
        assert_eq!(some.set_aside(80), Some(20));
        assert_eq!(some.set_aside(80), None);
        some.give_back(30);
        assert_eq!(some.set_aside(80), Some(30));
        assert_eq!(allowance(&[], None).set_aside(80), Some(80));
    }
}
