//! Made-up passages: words of a vocabulary, directions at random.

use corral_vectors::{Entry, Item};

pub const DIMENSIONS: u32 = 384;

const WORDS: usize = 40;
const SYLLABLES: [&str; 16] =
    ["an", "be", "cor", "dal", "en", "fi", "gor", "hu", "il", "ka", "lo", "mer", "nu", "os", "ra", "ti"];

/// A small generator: every run measures the same passages.
pub struct Passages {
    state: u64,
    number: usize,
}

impl Passages {
    pub fn new() -> Self {
        Self { state: 7, number: 0 }
    }

    /// The number of the next passage; no two have the same.
    pub fn number(&self) -> usize {
        self.number
    }

    pub fn some(&mut self, count: usize) -> Vec<Item> {
        (0..count).map(|_| self.one()).collect()
    }

    pub fn embedding(&mut self) -> Vec<f32> {
        (0..DIMENSIONS).map(|_| self.below(2_000) as f32 / 1_000.0 - 1.0).collect()
    }

    pub fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn one(&mut self) -> Item {
        let number = self.number;
        self.number += 1;
        let text = self.words(WORDS);
        let entry = |key: &str, value: String| Entry { key: key.to_owned(), value };
        Item {
            id: format!("{number:07}"),
            text,
            embedding: self.embedding(),
            metadata: vec![entry("document", "almanac".to_owned()), entry("chunk", number.to_string())],
        }
    }

    fn word(&mut self) -> String {
        (0..3).map(|_| SYLLABLES[self.below(SYLLABLES.len())]).collect()
    }

    fn below(&mut self, bound: usize) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % bound
    }
}
