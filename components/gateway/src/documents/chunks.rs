//! Cuts a text into overlapping passages by word-pieces, at the ends of sentences where it can.
//!
//! A passage has 180 to 220 word-pieces (the last one of a text may have fewer) and shares 20 to 40
//! with the one before. Not here: what a passage is stored as (`passage.rs`).

use std::ops::Range;

use super::units::{self, Unit};

const MOST: u32 = 220;
const LEAST: u32 = 180;
const MOST_SHARED: u32 = 40;
const LEAST_SHARED: u32 = 20;

/// A passage's place in its text.
#[derive(Debug, PartialEq)]
pub struct Chunk {
    /// In bytes.
    pub bytes: Range<usize>,
    /// In Unicode scalar values.
    pub start: u32,
    pub end: u32,
}

/// Every character of the text is in a chunk. `count` gives the word-pieces of each text it gets.
pub fn cut<E>(text: &str, count: impl FnMut(&[&str]) -> Result<Vec<u32>, E>) -> Result<Vec<Chunk>, E> {
    let packing = Packing::new(units::of(text, count)?);
    let mut chunks = Vec::new();
    let mut characters = Characters { text, byte: 0, character: 0 };
    let mut first = 0;
    loop {
        let end = packing.end_of_chunk(first);
        let start_byte = if first == 0 { 0 } else { packing.units[first].start };
        let is_last = end == packing.units.len();
        let end_byte = if is_last { text.len() } else { packing.units[end - 1].end };
        let start = characters.at(start_byte);
        let length = text[start_byte..end_byte].chars().count();
        chunks.push(Chunk { bytes: start_byte..end_byte, start, end: start + length as u32 });
        if is_last {
            return Ok(chunks);
        }
        first = packing.start_of_next(first, end);
    }
}

/// Units, with how many tokens are before each, and before the text's end.
struct Packing {
    units: Vec<Unit>,
    before: Vec<u32>,
}

/// Counts the characters of a text on the way.
struct Characters<'t> {
    text: &'t str,
    byte: usize,
    character: u32,
}

impl Packing {
    fn new(units: Vec<Unit>) -> Self {
        let mut before = Vec::with_capacity(units.len() + 1);
        before.push(0);
        let mut sum = 0_u32;
        for unit in &units {
            sum = sum.saturating_add(unit.tokens);
            before.push(sum);
        }
        Self { units, before }
    }

    /// The unit after the last one of the chunk that begins with `first`. Beyond `first`, except at
    /// the end.
    fn end_of_chunk(&self, first: usize) -> usize {
        let (units, before) = (self.units.len(), &self.before);
        let tokens = |end: usize| before[end] - before[first];
        if tokens(units) <= MOST {
            return units;
        }
        let fitting = before.partition_point(|sum| *sum <= before[first] + MOST) - 1;
        let last = fitting.max(first + 1);
        let window = (first + 1..=last).rev().take_while(|end| tokens(*end) >= LEAST);
        window.into_iter().find(|end| self.units[end - 1].ends_sentence).unwrap_or(last)
    }

    /// The first unit of the chunk after the one of `first..end`: beyond `first`, at most `end`.
    fn start_of_next(&self, first: usize, end: usize) -> usize {
        let shared = |start: usize| self.before[end] - self.before[start];
        let mut window = (first + 1..end)
            .rev()
            .skip_while(|start| shared(*start) < LEAST_SHARED)
            .take_while(|start| shared(*start) <= MOST_SHARED)
            .peekable();
        let nearest = window.peek().copied();
        window.find(|start| self.units[start - 1].ends_sentence).or(nearest).unwrap_or(end)
    }
}

impl Characters<'_> {
    /// How many characters are before that byte, which may not be before the last one asked for.
    fn at(&mut self, byte: usize) -> u32 {
        self.character += self.text[self.byte..byte].chars().count() as u32;
        self.byte = byte;
        self.character
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Some word-pieces for each word, by its length and letters; rarely many.
    fn count(texts: &[&str]) -> Result<Vec<u32>, Infallible> {
        let of = |text: &&str| {
            let characters = text.chars().count() as u32;
            if text.starts_with('z') { characters } else { characters.div_ceil(4) }
        };
        Ok(texts.iter().map(of).collect())
    }

    fn tokens(text: &str) -> u32 {
        units::of(text, count).unwrap().iter().map(|unit| unit.tokens).sum()
    }

    /// A small generator, so that a failure can be seen again.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }

        fn text(&mut self, words: u64) -> String {
            let mut text = String::new();
            for _ in 0..words {
                let length = if self.below(40) == 0 { self.below(400) + 1 } else { self.below(9) + 1 };
                let letter = ["a", "é", "z", "語", "😀", "."][self.below(6) as usize];
                text.push_str(&letter.repeat(length as usize));
                text.push_str(["", ".", "!", "。"][self.below(4) as usize]);
                text.push_str([" ", "  ", "\n\n", "\u{a0}", ""][self.below(5) as usize]);
            }
            text
        }
    }

    #[test]
    fn chunks_cover_the_text_and_keep_their_bounds() {
        let mut random = Random(7);
        for round in 0..300 {
            let words = random.below(1200);
            let text = random.text(words);
            let chunks = cut(&text, count).unwrap();
            let characters: Vec<char> = text.chars().collect();
            assert_eq!(chunks[0].bytes.start, 0);
            assert_eq!(chunks[chunks.len() - 1].bytes.end, text.len());
            for (index, chunk) in chunks.iter().enumerate() {
                let slice: String = characters[chunk.start as usize..chunk.end as usize].iter().collect();
                assert_eq!(slice, text[chunk.bytes.clone()], "round {round}, chunk {index}");
                let Some(next) = chunks.get(index + 1) else { continue };
                let size = tokens(&slice);
                assert!((LEAST..=MOST + 2).contains(&size), "round {round}, chunk {index}: {size}");
                assert!(next.bytes.start > chunk.bytes.start && next.bytes.end > chunk.bytes.end);
                let shared = tokens(&text[next.bytes.start..chunk.bytes.end]);
                // Parts of words round up, so a sum may differ by the borders' share.
                assert!((LEAST_SHARED - 2..=MOST_SHARED + 2).contains(&shared), "round {round}: {shared}");
            }
        }
    }

    #[test]
    fn a_short_text_is_one_chunk() {
        for text in ["", " ", "Hello.", &"word ".repeat(220)] {
            let chunks = cut(text, count).unwrap();
            assert_eq!(chunks, [Chunk { bytes: 0..text.len(), start: 0, end: text.len() as u32 }]);
        }
        assert_eq!(cut(&"word ".repeat(221), count).unwrap().len(), 2);
    }

    #[test]
    fn chunks_begin_and_end_with_sentences_where_they_can() {
        // Sentences of 15 tokens: ends at 195 and 210, starts 30 before an end.
        let sentence = format!("{}last. ", "word ".repeat(14)).replacen("word", "Word", 1);
        let text = sentence.repeat(60);
        let chunks = cut(&text, |texts| Ok::<_, Infallible>(vec![1; texts.len()])).unwrap();
        assert!(chunks.len() > 3);
        for chunk in &chunks {
            let slice = text[chunk.bytes.clone()].trim();
            assert!(slice.starts_with("Word") && slice.ends_with("last."), "{slice}");
        }
    }

    #[test]
    fn one_sentence_without_end_is_cut_at_words() {
        let text = "word ".repeat(1000);
        for chunk in cut(&text, count).unwrap() {
            let slice = &text[chunk.bytes];
            assert!(slice.starts_with("word") && slice.trim_end().ends_with("word"));
        }
    }

    #[test]
    fn a_monstrous_word_or_a_heavy_character_ends_too() {
        let chunks = cut(&"z".repeat(100_000), count).unwrap();
        assert!(chunks.len() > 400);
        let heavy = |texts: &[&str]| {
            Ok::<_, Infallible>(texts.iter().map(|text| text.chars().count() as u32 * 1000).collect())
        };
        assert_eq!(cut("abc", heavy).unwrap().len(), 3);
        assert_eq!(cut(&" ".repeat(100_000), count).unwrap().len(), 1);
    }

    #[test]
    fn a_failed_count_is_handed_on() {
        assert_eq!(cut("a b", |_| Err("down")), Err("down"));
    }
}
