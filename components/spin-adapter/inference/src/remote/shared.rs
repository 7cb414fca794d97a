//! Chance, for names that nobody else has.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number by chance: the keys of a new hash map.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
