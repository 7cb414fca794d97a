//! How many word-pieces a text has at most, about: there is no tokenizer in the component.
//!
//! A vocabulary as all-MiniLM-L6-v2's has most English words whole, however long, and the others in parts of three
//! letters and more; digits, signs and letters of other scripts may be pieces of their own. So texts are cut into
//! smaller passages than need be, and hardly ever into larger ones than the model reads; whether it read all of a text
//! it says itself.

/// About the most pieces that the text can have.
pub fn most(text: &str) -> u32 {
    let (mut pieces, mut letters) = (0_usize, 0_usize);
    for character in text.chars() {
        if character.is_ascii_alphabetic() {
            letters += 1;
            continue;
        }
        pieces += letters.div_ceil(3) + usize::from(!character.is_whitespace());
        letters = 0;
    }
    u32::try_from(pieces + letters.div_ceil(3)).unwrap_or(u32::MAX)
}

/// The beginning of the text that has at most so many pieces, by the same guess.
pub fn beginning(text: &str, pieces: u32) -> &str {
    let mut ends = text.char_indices().map(|(at, character)| at + character.len_utf8());
    let mut within = 0;
    // Of a long text each step looks at all before it, but there are few: they double.
    let mut step = 1;
    let ends: Vec<_> = ends.by_ref().collect();
    while step > 0 {
        match ends.get(within + step - 1) {
            Some(&end) if most(&text[..end]) <= pieces => {
                within += step;
                step *= 2;
            }
            _ => step /= 2,
        }
    }
    ends.get(within.wrapping_sub(1)).map_or("", |&end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_by_their_letters_and_everything_else_by_itself() {
        assert_eq!(most(""), 0);
        assert_eq!(most("a heron stands"), 1 + 2 + 2);
        assert_eq!(most("in 2024, é日本"), 1 + 4 + 1 + 3);
        assert_eq!(most(" \n\t"), 0);
    }

    #[test]
    fn a_beginning_is_as_long_as_it_may_be() {
        assert_eq!(beginning("a heron stands", 3), "a heron ");
        assert_eq!(beginning("日本語", 2), "日本");
        assert_eq!(beginning("日本語", 9), "日本語");
        assert_eq!(beginning("日本語", 0), "");
        assert_eq!(beginning("", 5), "");
        let long = "word ".repeat(50_000);
        assert_eq!(most(beginning(&long, 254)), 254);
    }
}
