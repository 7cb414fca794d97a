//! What counts as the same word.
//!
//! Words are Unicode's (UAX #29) in lower case. English ones are cut to their stem; whatever is not plain ASCII
//! letters, such as numbers and identifiers, stays whole. In scripts that put no space between words every
//! character is one, and so is every pair of neighbours.

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

/// Longer ones are cut: what has no spaces for so long is no word.
pub const TERM_BYTES: usize = 128;

/// Words that nearly every passage has: Lucene's list for English.
const COMMON: [&str; 33] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no",
    "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to",
    "was", "will", "with",
];

/// The terms of a passage, in its order.
pub fn kept(text: &str) -> impl Iterator<Item = String> {
    words(text).flat_map(|word| [word.pair.map(pair), Some(term(word.text))]).flatten()
}

/// The terms of a question: pairs in place of their characters, and no common words unless there are no others.
pub fn asked(text: &str) -> Vec<String> {
    let mut common = Vec::new();
    let mut terms = Vec::new();
    let mut words = words(text).peekable();
    while let Some(word) = words.next() {
        let paired = word.pair.is_some() || words.peek().is_some_and(|next| next.pair.is_some());
        match word.pair {
            Some(of) => terms.push(pair(of)),
            None if paired => {}
            None if is_common(word.text) => common.push(term(word.text)),
            None => terms.push(term(word.text)),
        }
    }
    if terms.is_empty() { common } else { terms }
}

/// What every text that has the term holds somewhere, in any case of its letters.
///
/// For stores that search texts and know no terms. It finds more than the term.
pub fn needle(term: &str) -> &str {
    match term {
        // The stems of these words are not how they begin.
        "die" | "lie" | "tie" | "sky" => return &term[..1],
        _ => {}
    }
    // A text may have another apostrophe.
    let term = term.split('\'').next().unwrap_or(term);
    if !term.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return term;
    }
    // The stemmer puts an `i` for a final `y`, restores a final `e`, and makes `-bility` of `-ble`.
    let begin = match term.strip_suffix("bl") {
        Some(_) => &term[..term.len() - 1],
        None => term.strip_suffix(['e', 'i', 'y']).unwrap_or(term),
    };
    if begin.is_empty() { term } else { begin }
}

struct Word<'text> {
    text: &'text str,
    /// Both characters, where this one follows on another without a space.
    pair: Option<(&'text str, &'text str)>,
}

fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    // To Unicode a colon may be inside of a word. Here it ends one: `note:heron` is about a heron.
    text.split(':').flat_map(words_between)
}

fn words_between(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut before: Option<(usize, &str)> = None;
    text.unicode_word_indices().map(move |(start, text)| {
        let neighbour =
            before.filter(|(end, before)| *end == start && stands_alone(before) && stands_alone(text));
        before = Some((start + text.len(), text));
        Word { text, pair: neighbour.map(|(_, before)| (before, text)) }
    })
}

/// Whether it is one character of a script whose words need no spaces.
fn stands_alone(word: &str) -> bool {
    !word.is_ascii() && word.graphemes(true).nth(1).is_none()
}

fn pair((one, other): (&str, &str)) -> String {
    short(&format!("{one}{other}").to_lowercase()).to_owned()
}

fn term(word: &str) -> String {
    let word = short(word).to_lowercase().replace('’', "'");
    if word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'\'') {
        return Stemmer::create(Algorithm::English).stem(&word).into_owned();
    }
    // A letter may be longer in lower case.
    short(&word).to_owned()
}

fn is_common(word: &str) -> bool {
    COMMON.iter().any(|common| word.eq_ignore_ascii_case(common))
}

fn short(word: &str) -> &str {
    &word[..word.floor_char_boundary(TERM_BYTES)]
}
