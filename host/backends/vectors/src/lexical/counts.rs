//! How often a passage has each of its terms, in memory and as a table holds it.
//!
//! A term is its length in one byte, its bytes, and its count in groups of seven bits, the lowest first. Terms
//! ascend, so that a question's are found in one pass.

use super::words;
use std::collections::BTreeMap;

/// The terms of one passage.
pub struct Counts {
    length: u32,
    terms: BTreeMap<String, u32>,
}

impl Counts {
    pub fn of(text: &str) -> Self {
        let mut counts = Self { length: 0, terms: BTreeMap::new() };
        for term in words::kept(text) {
            // A text has at most 2^20 bytes, and fewer terms than twice that.
            counts.length += 1;
            *counts.terms.entry(term).or_default() += 1;
        }
        counts
    }

    /// How many terms there are, each as often as it occurs.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.terms.iter().map(|(term, &count)| (term.as_bytes(), count))
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (term, count) in self.iter() {
            bytes.push(u8::try_from(term.len()).unwrap_or(u8::MAX));
            bytes.extend(term.iter().take(usize::from(u8::MAX)));
            put(&mut bytes, count);
        }
        bytes
    }
}

/// The terms in what [`Counts::to_bytes`] made. Ends early where it is damaged.
pub fn each_count(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], u32)> {
    std::iter::from_fn(move || {
        let (&length, rest) = bytes.split_first()?;
        let (term, rest) = rest.split_at_checked(usize::from(length))?;
        let (count, rest) = take(rest)?;
        bytes = rest;
        Some((term, count))
    })
}

fn put(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let last = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)?;
    let (value, rest) = bytes.split_at(last + 1);
    let value = value.iter().rev().fold(0, |sum: u64, byte| sum << 7 | u64::from(byte & 0x7f));
    Some((u32::try_from(value).ok()?, rest))
}
