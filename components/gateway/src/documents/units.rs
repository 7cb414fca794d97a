//! The smallest pieces that a text is cut into: words, and parts of words that are too long.
//!
//! Word-piece tokenizers never join what blanks separate, so the counts of words add up.
//! Not here: how many of them make a passage (`chunks.rs`).

use std::collections::BTreeMap;

/// A word or part of one, without the blanks behind it, in bytes.
#[derive(Debug, PartialEq)]
pub struct Unit {
    pub start: usize,
    pub end: usize,
    /// Word-pieces, at least 1.
    pub tokens: u32,
    pub ends_sentence: bool,
}

/// A unit that is not counted yet.
struct Piece {
    start: usize,
    end: usize,
    ends_sentence: bool,
}

/// What `chunks.rs` looks for is 20 tokens wide; a unit of at most as many cannot jump over it.
const MAX_TOKENS: u32 = 20;
/// Tokenizers take a long word for one unknown token, whatever is in it.
const MAX_CHARACTERS: usize = 64;

/// The units of a text in order. `count` gives the word-pieces of each of the texts it gets.
pub fn of<E>(text: &str, mut count: impl FnMut(&[&str]) -> Result<Vec<u32>, E>) -> Result<Vec<Unit>, E> {
    let mut pieces = words(text);
    let mut units = Vec::with_capacity(pieces.len());
    while !pieces.is_empty() {
        let counts = counts(text, &pieces, &mut count)?;
        let mut halves = Vec::new();
        for (piece, tokens) in pieces.into_iter().zip(counts) {
            match piece.middle(text) {
                Some(middle) if tokens > MAX_TOKENS => halves.extend(piece.halves(middle)),
                // One character is taken as it is: nothing is cut for ever.
                _ => units.push(piece.counted(tokens)),
            }
        }
        pieces = halves;
    }
    units.sort_unstable_by_key(|unit| unit.start);
    Ok(units)
}

impl Piece {
    /// Where to halve it. None if it is one character.
    fn middle(&self, text: &str) -> Option<usize> {
        let text = &text[self.start..self.end];
        let half = text.chars().count() / 2;
        let (middle, _) = text.char_indices().nth(half).filter(|_| half > 0)?;
        Some(self.start + middle)
    }

    fn halves(self, middle: usize) -> [Self; 2] {
        [Self { start: self.start, end: middle, ends_sentence: false }, Self { start: middle, ..self }]
    }

    fn counted(self, tokens: u32) -> Unit {
        Unit { start: self.start, end: self.end, tokens, ends_sentence: self.ends_sentence }
    }
}

/// The count of each piece; equal ones are counted once.
fn counts<E>(
    text: &str,
    pieces: &[Piece],
    count: &mut impl FnMut(&[&str]) -> Result<Vec<u32>, E>,
) -> Result<Vec<u32>, E> {
    let of = |piece: &Piece| &text[piece.start..piece.end];
    let mut known: BTreeMap<&str, u32> = pieces.iter().map(|piece| (of(piece), 1)).collect();
    let texts: Vec<&str> = known.keys().copied().collect();
    for (known, tokens) in known.values_mut().zip(count(&texts)?) {
        *known = tokens.max(1);
    }
    Ok(pieces.iter().map(|piece| known.get(of(piece)).copied().unwrap_or(1)).collect())
}

fn words(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = next_word(text, 0);
    while start < text.len() {
        let end = text[start..].find(char::is_whitespace).map_or(text.len(), |length| start + length);
        let next = next_word(text, end);
        let ends = ends_sentence(&text[start..end], &text[end..next], text[next..].chars().next());
        add_word(text, Piece { start, end, ends_sentence: ends }, &mut pieces);
        start = next;
    }
    pieces
}

/// Where the first word at or after `from` starts: the text's end if there is none.
fn next_word(text: &str, from: usize) -> usize {
    text[from..].find(|c: char| !c.is_whitespace()).map_or(text.len(), |blanks| from + blanks)
}

/// Adds a word, cut where scripts without blanks end a sentence, and where it becomes too long.
fn add_word(text: &str, word: Piece, pieces: &mut Vec<Piece>) {
    let (mut start, mut length) = (word.start, 0);
    for (offset, character) in text[word.start..word.end].char_indices() {
        length += 1;
        let end = word.start + offset + character.len_utf8();
        let ends_sentence = is_wide_stop(character);
        if (ends_sentence || length == MAX_CHARACTERS) && end < word.end {
            pieces.push(Piece { start, end, ends_sentence });
            (start, length) = (end, 0);
        }
    }
    pieces.push(Piece { start, ..word });
}

fn is_wide_stop(character: char) -> bool {
    matches!(character, '。' | '！' | '？')
}

/// Whether a sentence ends with this word, given the blanks behind it and what follows them.
fn ends_sentence(word: &str, blanks: &str, next: Option<char>) -> bool {
    let Some(next) = next else { return true };
    if blanks.matches('\n').count() > 1 {
        return true;
    }
    let bare = word.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']', '}', '*', '_']);
    let stops = bare.ends_with(['.', '!', '?', '…']) || bare.ends_with(is_wide_stop);
    stops && !next.is_lowercase() && !is_abbreviation(bare)
}

/// Initials, `e.g.` and the like, and titles.
fn is_abbreviation(word: &str) -> bool {
    let Some(stem) = word.strip_suffix('.') else { return false };
    let stem = stem.trim_start_matches(|c: char| !c.is_alphanumeric());
    let is_short = |part: &str| part.chars().all(char::is_alphabetic) && part.chars().count() <= 2;
    let is_dotted = stem.contains('.') && stem.split('.').all(|part| !part.is_empty() && is_short(part));
    let is_initial = stem.chars().count() == 1 && stem.chars().all(char::is_uppercase);
    is_dotted || is_initial || ["Mr", "Mrs", "Ms", "Dr", "Prof", "St", "vs", "Fig"].contains(&stem)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn pieces(text: &str, per_character: u32) -> Vec<(&str, bool)> {
        let count = |texts: &[&str]| {
            Ok::<_, Infallible>(
                texts.iter().map(|text| text.chars().count() as u32 * per_character).collect(),
            )
        };
        let units = of(text, count).unwrap();
        units.iter().map(|unit| (&text[unit.start..unit.end], unit.ends_sentence)).collect()
    }

    fn sentence_ends(text: &str) -> Vec<&str> {
        pieces(text, 1).into_iter().filter_map(|(word, ends)| ends.then_some(word)).collect()
    }

    #[test]
    fn sentences_end_at_stops_and_paragraphs() {
        assert_eq!(sentence_ends("One two. Three (four!) Five?\nSix"), ["two.", "(four!)", "Five?", "Six"]);
        assert_eq!(sentence_ends("A heading\n\nThe text goes on"), ["heading", "on"]);
        assert_eq!(sentence_ends("Dr. J. Smith saw 3.5 m, e.g. the U.S. coast. then more"), ["more"]);
        assert_eq!(sentence_ends("これは文です。次の文です。"), ["これは文です。", "次の文です。"]);
    }

    #[test]
    fn long_words_become_parts_of_bounded_size() {
        let word = "x".repeat(1000);
        let parts = pieces(&word, 1);
        assert!(parts.iter().all(|(part, _)| part.len() <= 20));
        assert_eq!(parts.iter().map(|(part, _)| *part).collect::<String>(), word);
        assert_eq!(parts.iter().filter(|(_, ends)| *ends).count(), 1);
        // Even where a single character exceeds the bound.
        assert_eq!(pieces("äö", 30), [("ä", false), ("ö", true)]);
    }

    #[test]
    fn blanks_alone_are_no_units() {
        assert!(pieces(" \n\t\u{a0}", 1).is_empty());
    }
}
