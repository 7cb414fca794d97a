//! How likely the model found tokens, before anything was done to its choice.

use llama_cpp_2::{token::LlamaToken, vocab::LlamaVocab};

use crate::{Candidate, Scored};

/// The odds in one place of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Odds {
    logits: Vec<f32>,
    /// The logarithm of the sum of all exponentials, which makes probabilities of logits.
    normaliser: f32,
    /// The likeliest tokens to tell, the likeliest first.
    likeliest: Vec<usize>,
}

impl Odds {
    /// From the model's logits, one for each token of the vocabulary; tells the `most` likeliest.
    pub fn of(logits: &[f32], most: usize) -> Self {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - highest).exp()).sum();
        let mut order: Vec<usize> = (0..logits.len()).collect();
        let descending = |&a: &usize, &b: &usize| logits[b].total_cmp(&logits[a]).then(a.cmp(&b));
        let most = most.min(order.len());
        if most > 0 && most < order.len() {
            order.select_nth_unstable_by(most - 1, descending);
        }
        order.truncate(most);
        order.sort_unstable_by(descending);
        // The sum is at least 1, the highest's own share.
        Self { logits: logits.to_vec(), normaliser: highest + sum.ln() as f32, likeliest: order }
    }

    /// What is told of the token that was chosen there.
    pub fn score(&self, chosen: LlamaToken, vocab: &LlamaVocab<'_>) -> Scored {
        let candidate = |index: usize| {
            let id = i32::try_from(index).unwrap_or(i32::MAX);
            Candidate {
                id: u32::try_from(index).unwrap_or(u32::MAX),
                bytes: vocab.token_to_piece(LlamaToken(id), true, None),
                log_probability: self.logits.get(index).map_or(f32::MIN, |logit| logit - self.normaliser),
            }
        };
        Scored {
            chosen: candidate(usize::try_from(chosen.0).unwrap_or(usize::MAX)),
            likeliest: self.likeliest.iter().map(|&index| candidate(index)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up_to_one_and_the_likeliest_come_first() {
        let logits = [1.0, 1000.0, 999.0, -5.0, 999.0];
        let odds = Odds::of(&logits, 3);
        assert_eq!(odds.likeliest, [1, 2, 4]);
        let sum: f32 = logits.iter().map(|logit| (logit - odds.normaliser).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }

    #[test]
    fn none_or_all_may_be_asked_for() {
        assert!(Odds::of(&[1.0, 2.0], 0).likeliest.is_empty());
        assert_eq!(Odds::of(&[1.0, 2.0], 20).likeliest, [1, 0]);
    }
}
