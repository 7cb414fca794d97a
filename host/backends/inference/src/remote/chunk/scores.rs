//! Log-probabilities of tokens: as chats have them, and as OpenAI's older prompts do.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Candidate, Scored};

/// What stands for the id of a token where a server does not tell it: none has so many.
const UNKNOWN: u32 = u32::MAX;

#[derive(Deserialize)]
pub(super) struct LogProbs {
    /// Chats, and llama-server's prompts.
    content: Option<Vec<Token>>,
    /// Prompts.
    tokens: Option<Vec<String>>,
    token_logprobs: Option<Vec<Option<f32>>>,
    top_logprobs: Option<Vec<Option<BTreeMap<String, f32>>>>,
}

#[derive(Deserialize)]
struct Token {
    id: Option<u32>,
    token: String,
    bytes: Option<Vec<u8>>,
    #[serde(default)]
    logprob: f32,
    #[serde(default)]
    top_logprobs: Vec<Token>,
}

impl LogProbs {
    /// The likeliest first.
    pub fn into_scores(self) -> Vec<Scored> {
        match self.content {
            Some(content) => content.into_iter().map(Token::into_scored).collect(),
            None => legacy(
                self.tokens.unwrap_or_default(),
                &self.token_logprobs.unwrap_or_default(),
                &self.top_logprobs.unwrap_or_default(),
            ),
        }
    }
}

impl Token {
    fn into_scored(mut self) -> Scored {
        let likeliest = std::mem::take(&mut self.top_logprobs);
        Scored {
            chosen: self.into_candidate(),
            likeliest: sorted(likeliest.into_iter().map(Self::into_candidate)),
        }
    }

    fn into_candidate(self) -> Candidate {
        let bytes = self.bytes.unwrap_or_else(|| self.token.into_bytes());
        candidate(self.id, bytes, self.logprob)
    }
}

fn legacy(
    tokens: Vec<String>,
    chosen: &[Option<f32>],
    likeliest: &[Option<BTreeMap<String, f32>>],
) -> Vec<Scored> {
    let scored = |(index, token): (usize, String)| {
        let log_probability = chosen.get(index).copied().flatten().unwrap_or(f32::MIN);
        let others = likeliest.get(index).and_then(Option::as_ref).into_iter().flatten();
        Scored {
            chosen: candidate(None, token.into_bytes(), log_probability),
            likeliest: sorted(
                others.map(|(token, &value)| candidate(None, token.clone().into_bytes(), value)),
            ),
        }
    };
    tokens.into_iter().enumerate().map(scored).collect()
}

fn candidate(id: Option<u32>, bytes: Vec<u8>, log_probability: f32) -> Candidate {
    // Servers write the least number that they have for nothing at all, and rounding may pass 0.
    Candidate { id: id.unwrap_or(UNKNOWN), bytes, log_probability: log_probability.min(0.0) }
}

fn sorted(candidates: impl Iterator<Item = Candidate>) -> Vec<Candidate> {
    let mut candidates: Vec<_> = candidates.collect();
    candidates.sort_by(|one, other| other.log_probability.total_cmp(&one.log_probability));
    candidates
}
