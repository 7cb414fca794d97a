//! The log-probabilities of a message's tokens, in OpenAI's form.

use serde::Serialize;

use crate::corral::host::inference::{Candidate, Scored};

#[derive(Debug, Serialize)]
pub struct Logprobs {
    content: Vec<Token>,
    /// Answers are not refused here.
    refusal: Option<Vec<Token>>,
}

#[derive(Debug, Serialize)]
struct Token {
    #[serde(flatten)]
    chosen: Likelihood,
    top_logprobs: Vec<Likelihood>,
}

#[derive(Debug, Serialize)]
struct Likelihood {
    token: String,
    logprob: f32,
    /// What belongs together where a character is several tokens.
    bytes: Vec<u8>,
}

/// What OpenAI says of a token that is hardly possible; JSON has no infinity.
pub const LEAST: f32 = -9999.0;

impl From<Vec<Scored>> for Logprobs {
    fn from(tokens: Vec<Scored>) -> Self {
        Self { content: tokens.into_iter().map(Token::from).collect(), refusal: None }
    }
}

impl From<Scored> for Token {
    fn from(token: Scored) -> Self {
        let top_logprobs = token.likeliest.into_iter().map(Likelihood::from).collect();
        Self { chosen: token.chosen.into(), top_logprobs }
    }
}

impl From<Candidate> for Likelihood {
    fn from(candidate: Candidate) -> Self {
        Self {
            token: text(&candidate.bytes),
            logprob: candidate.log_probability.max(LEAST),
            bytes: candidate.bytes,
        }
    }
}

/// The token's text; bytes that make no character are written as `\xe2`.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
pub mod samples {
    //! Tokens to test with.

    use crate::corral::host::inference::{Candidate, Scored};

    pub fn candidate(bytes: &[u8], log_probability: f32) -> Candidate {
        Candidate { id: 1, bytes: bytes.to_vec(), log_probability }
    }

    pub fn scored(text: &str) -> Scored {
        Scored { chosen: candidate(text.as_bytes(), -0.5), likeliest: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::samples::candidate;
    use super::*;

    #[test]
    fn a_token_has_its_text_likelihood_bytes_and_rivals() {
        let scored = Scored {
            chosen: candidate(b" heron", -0.25),
            likeliest: vec![candidate(b" heron", -0.25), candidate(b" crane", -1.5)],
        };
        let expected = json!({"refusal": null, "content": [{
            "token": " heron", "logprob": -0.25, "bytes": [32, 104, 101, 114, 111, 110],
            "top_logprobs": [
                {"token": " heron", "logprob": -0.25, "bytes": [32, 104, 101, 114, 111, 110]},
                {"token": " crane", "logprob": -1.5, "bytes": [32, 99, 114, 97, 110, 101]},
            ],
        }]});
        assert_eq!(serde_json::to_value(Logprobs::from(vec![scored])).unwrap(), expected);
    }

    #[test]
    fn parts_of_a_character_are_written_as_their_bytes_which_add_up_to_it() {
        // A snowman in two tokens, the first with a blank, the second with an exclamation mark.
        let parts = [&b" \xe2\x98"[..], b"\x83!"];
        let tokens = parts.map(|bytes| Likelihood::from(candidate(bytes, -1.0)));
        assert_eq!([&*tokens[0].token, &*tokens[1].token], ["\u{20}\\xe2\\x98", "\\x83!"]);
        let bytes: Vec<u8> = tokens.into_iter().flat_map(|token| token.bytes).collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), " ☃!");
        assert_eq!((text("☃é".as_bytes()).as_str(), text(b"").as_str()), ("☃é", ""));
    }

    #[test]
    fn what_is_impossible_is_a_number_all_the_same() {
        for impossible in [f32::NEG_INFINITY, f32::NAN, -1e30] {
            assert_eq!(Likelihood::from(candidate(b"x", impossible)).logprob, LEAST);
        }
    }
}
