//! A map that forgets what was not used lately.

use std::{collections::HashMap, hash::Hash};

/// Holds between `capacity` and twice as many of the entries used last.
///
/// Two generations: what is used moves into the young one; when that is full it becomes the old one,
/// and what was old goes.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    capacity: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash + Clone, V: Copy> Recent<K, V> {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, young: HashMap::new(), old: HashMap::new() }
    }

    /// The value of a key that is not forgotten.
    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let value = self.old.remove(key)?;
        self.insert(key.clone(), value);
        Some(value)
    }

    /// Keeps a value, in place of an older one.
    pub fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.capacity && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_bounded() {
        let mut recent = Recent::new(4);
        recent.insert(0, 'a');
        for key in 1..100 {
            recent.insert(key, 'x');
            assert_eq!(recent.get(&0), Some('a'));
            assert!(recent.young.len() + recent.old.len() <= 8);
        }
        assert_eq!(recent.get(&50), None);
        recent.insert(0, 'b');
        assert_eq!(recent.get(&0), Some('b'));
        recent.clear();
        assert_eq!(recent.get(&0), None);
    }
}
