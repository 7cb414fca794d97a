//! What the engine tells its callers: events of an answer, what it took, how the engine is.

use crate::ToolCall;

/// How a chat becomes a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// Llama-2's own token-level format.
    Llama2,
    /// A Jinja template: the model file's, or the one that the settings name in its place.
    Embedded,
    /// The model has none: chats are refused, prompts work.
    None,
}

/// What is known of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name in the settings.
    pub name: String,
    /// Tokens that prompt and answer may have together.
    pub context_length: u32,
    /// How a chat becomes a prompt.
    pub template: Template,
    /// Whether it can be given tools.
    pub tools: bool,
    /// The names of its LoRA adapters.
    pub adapters: Vec<String>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it, or a stop string did.
    Stop,
    /// `max_tokens` were generated, or the context is full.
    Length,
}

/// What one answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, markers included.
    pub prompt_tokens: u32,
    /// Those of the prompt that came from the cache.
    pub cached_tokens: u32,
    /// Tokens generated, without the one that ended the answer.
    pub completion_tokens: u32,
    /// Milliseconds until a slot was free.
    pub queue_ms: u32,
    /// Milliseconds from the call to the first token.
    pub first_token_ms: u32,
    /// Milliseconds from the call to the end.
    pub total_ms: u32,
}

/// A token, and how likely the model found it before temperature and bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its id in the model's vocabulary.
    pub id: u32,
    /// What it stands for; it may be part of a character only.
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability.
    pub log_probability: f32,
}

/// A token of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The one that was chosen.
    pub chosen: Candidate,
    /// The likeliest ones in its place, as many as were asked for.
    pub likeliest: Vec<Candidate>,
}

/// What happens in an answer: any number of deltas, then `Done` once.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The next piece: whole characters, never part of a stop string.
    Delta(String),
    /// Tokens whose text comes in the next delta, if log-probabilities were asked for.
    Scored(Vec<Scored>),
    /// A call of a tool, complete; only if the input offered some.
    Call(ToolCall),
    /// The answer is complete.
    Done {
        /// Why it ended.
        finish: Finish,
        /// What it took.
        usage: Usage,
    },
}

/// How the engine is.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// The model is being read.
    Loading {
        /// From 0 to 1.
        fraction: f32,
    },
    /// It answers.
    Ready,
    /// It does not answer now, and may again; and why.
    Down(String),
    /// It will not answer any more, and why.
    Failed(String),
}

/// Gauges and counters, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Jobs that wait for a slot.
    pub queued: u32,
    /// Jobs in a slot.
    pub running: u32,
    /// Slots there are.
    pub slots: u32,
    /// Tokens in the KV cache.
    pub kv_tokens: u32,
    /// Tokens that it can hold.
    pub kv_capacity: u32,
    /// Bytes of the host's memory with states of conversations that have no slot.
    pub cache_bytes: u64,
    /// Bytes of such states on the disk.
    pub spilled_bytes: u64,
    /// Steps computed since the start, each for all that was under way.
    pub steps: u64,
    /// Tokens generated since the start.
    pub generated_tokens: u64,
    /// Prompt tokens of all jobs since the start.
    pub prompt_tokens: u64,
    /// Those of them that came from the cache.
    pub cached_tokens: u64,
}
