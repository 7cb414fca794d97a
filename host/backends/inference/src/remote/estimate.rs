//! How many tokens an input has at most, about, where nobody counts them.
//!
//! Tokenizers make a token of one to some ten bytes. Words of Latin letters have two letters a token
//! and more; digits, signs and other scripts may have a token for every byte. English text is taken
//! to be about twice as long as it is, so that less is put into a prompt than would fit, and hardly
//! ever more.

use crate::Input;

/// Tokens of the markers around a message, and of what a template says on its own.
const MARKERS: u64 = 16;

/// About the most tokens that an input can have.
pub(super) fn estimate(input: &Input) -> u32 {
    let tokens = match input {
        Input::Prompt(text) | Input::Marked(text) => MARKERS + of(text),
        Input::Chat(messages) => {
            messages.iter().fold(2 * MARKERS, |sum, message| sum + MARKERS + of(&message.content))
        }
        Input::Tools(dialogue) => {
            let bytes = dialogue.bytes() as u64;
            MARKERS * (2 + (dialogue.turns.len() + dialogue.tools.len()) as u64) + bytes
        }
    };
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

fn of(text: &str) -> u64 {
    let letters = text.bytes().filter(|byte| byte.is_ascii_alphabetic() || *byte == b' ').count() as u64;
    letters.div_ceil(2) + (text.len() as u64 - letters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Role};

    #[test]
    fn letters_count_half_and_everything_else_whole() {
        assert_eq!(of("Hello there"), 6);
        assert_eq!(of("1234"), 4);
        assert_eq!(of("é🐎"), 6);
        let message = Message { role: Role::User, content: "1234".into() };
        assert_eq!(estimate(&Input::Chat(vec![message])), 52);
        assert_eq!(estimate(&Input::Prompt("1234".into())), 20);
    }
}
