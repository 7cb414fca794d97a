//! Turns the bytes of tokens into whole characters.
//!
//! A character's bytes may be spread over several tokens; they are kept until they are complete.

/// Bytes in, whole characters out.
#[derive(Debug, Default)]
pub(crate) struct Utf8Stream {
    /// The beginning of one character, at most 3 bytes.
    partial: Vec<u8>,
}

impl Utf8Stream {
    /// The characters that `bytes` complete. Bytes that can never be a character become U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.partial.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest = self.partial.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, tail) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    rest = tail;
                    let Some(length) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[length..];
                }
            }
        }
        self.partial = rest.to_vec();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_comes_whole() {
        let mut stream = Utf8Stream::default();
        let bytes = "aé🐎z".as_bytes();
        let pieces: Vec<String> = bytes.iter().map(|&byte| stream.push(&[byte])).collect();
        assert_eq!(pieces, ["a", "", "é", "", "", "", "🐎", "z"]);
    }

    #[test]
    fn impossible_bytes_are_replaced_and_the_rest_is_kept() {
        let mut stream = Utf8Stream::default();
        assert_eq!(stream.push(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(stream.push(b"\xe2\x82"), "");
        assert_eq!(stream.push(b"x"), "\u{fffd}x");
    }
}
