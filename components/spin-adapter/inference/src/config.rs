//! What an answer is like where nothing is said: a host's defaults.

/// The settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// Of what a caller leaves out.
    pub defaults: Sampling,
}

/// How tokens are chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Tokens of an answer.
    pub max_tokens: u32,
    /// 0 is greedy.
    pub temperature: f32,
    /// 0 means no bound.
    pub top_k: u32,
    /// 1 means no bound.
    pub top_p: f32,
    /// 0 means no bound.
    pub min_p: f32,
    /// 1 means no penalty.
    pub repeat_penalty: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { max_tokens: 512, temperature: 0.7, top_k: 40, top_p: 0.95, min_p: 0.05, repeat_penalty: 1.0 }
    }
}
