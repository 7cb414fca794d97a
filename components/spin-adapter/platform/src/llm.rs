//! A large language model, the shape of `fermyon:spin/llm@2.0.0`.

/// Asks models.
pub trait Llm {
    /// What the model writes after the prompt. Spin's own engine repeats the prompt before it.
    fn infer(&self, model: &str, prompt: &str, parameters: Parameters) -> Result<Inferred, Error>;

    /// A vector for each text.
    fn embed(&self, model: &str, texts: &[String]) -> Result<Embedded, Error>;
}

/// How to answer: all that Spin can be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// At most so many tokens.
    pub max_tokens: u32,
    /// 1 is none.
    pub repeat_penalty: f32,
    /// How many of the last tokens are not to be repeated.
    pub repeat_penalty_last_n: u32,
    /// 0 is greedy.
    pub temperature: f32,
    /// How many tokens are chosen among.
    pub top_k: u32,
    /// What probability they have together.
    pub top_p: f32,
}

/// What a model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    /// The text.
    pub text: String,
    /// Tokens of the prompt; Spin's own engine counts the answer too.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub generated_tokens: u32,
}

/// Vectors of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// In the order of the texts.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of the longest text, in Spin's own engine; of all, in others.
    pub prompt_tokens: u32,
}

/// Why there is no answer, as Spin has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such model.
    #[error("the model is not supported")]
    ModelNotSupported,
    /// The engine failed.
    #[error("{0}")]
    Runtime(String),
    /// Also: the model is not among the manifest's `ai_models`, or has no folder.
    #[error("{0}")]
    InvalidInput(String),
}
