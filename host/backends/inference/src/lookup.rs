//! Guesses what comes next from what was there before: answers from documents quote them.
//!
//! Prompt lookup decoding, as in A. Saxena's "Prompt Lookup Decoding" (2023) and llama.cpp's `lookup` example: the last
//! few tokens are looked for earlier in the text, and what followed them there is the guess. The model then reads the
//! guess in one step and says up to where it would have said the same, so that answers stay what they are.

use llama_cpp_2::token::LlamaToken;

/// Tokens that have to be the same before a guess. Longer ones first: they are right more often.
const NEEDLES: [usize; 3] = [4, 3, 2];

/// How many tokens to guess for one answer: more while guesses are right, few while they are not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Confidence {
    next: usize,
    most: usize,
}

impl Confidence {
    /// Guesses of `most` tokens at the most; 0 guesses nothing.
    pub fn new(most: usize) -> Self {
        Self { next: most, most }
    }

    /// Tokens to guess now.
    pub fn length(self) -> usize {
        self.next
    }

    /// Learns that `right` of the guessed tokens were what the model said.
    pub fn learn(&mut self, right: usize) {
        self.next = (2 * right + 1).min(self.most);
    }
}

/// What followed the last tokens of `text` when they were last there, up to `most` tokens; empty if they never were.
pub(crate) fn guess(text: &[LlamaToken], most: usize) -> &[LlamaToken] {
    if most == 0 {
        return &[];
    }
    let found = NEEDLES.iter().find_map(|&length| {
        let start = text.len().checked_sub(length)?;
        let (before, needle) = (&text[..text.len() - 1], &text[start..]);
        before.windows(length).rposition(|window| window == needle).map(|at| at + length)
    });
    found.map_or(&[], |after| &text[after..(after + most).min(text.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(ids: &[i32], most: usize) -> Vec<i32> {
        let text: Vec<LlamaToken> = ids.iter().copied().map(LlamaToken).collect();
        guess(&text, most).iter().map(|token| token.0).collect()
    }

    #[test]
    fn what_followed_last_time_is_the_guess() {
        assert_eq!(guessed(&[1, 2, 3, 4, 9, 9, 1, 2], 2), [3, 4]);
        assert_eq!(guessed(&[1, 2, 3, 1, 2, 4, 1, 2], 9), [4, 1, 2], "the last time");
        assert_eq!(guessed(&[5, 1, 2, 3, 7, 1, 2, 8, 5, 1, 2], 1), [3], "the longer one");
        assert_eq!(guessed(&[7, 7, 7, 7], 3), [7]);
    }

    #[test]
    fn nothing_is_guessed_from_nothing() {
        for ids in [&[][..], &[1], &[1, 2], &[1, 2, 3, 4]] {
            assert!(guessed(ids, 4).is_empty(), "{ids:?}");
        }
        assert!(guessed(&[1, 2, 1, 2], 0).is_empty());
    }

    #[test]
    fn wrong_guesses_make_the_next_one_short() {
        let mut confidence = Confidence::new(8);
        let mut learnt = |right| {
            confidence.learn(right);
            confidence.length()
        };
        assert_eq!([learnt(0), learnt(1), learnt(3), learnt(7)], [1, 3, 7, 8]);
        assert_eq!(Confidence::new(0).length(), 0);
    }
}
