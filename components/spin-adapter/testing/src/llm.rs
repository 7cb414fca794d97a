//! An llm that follows a script, with or without the ways of Spin's own engine.
//!
//! Its own engine (Spin 2 to 4, `crates/llm-local`) gives the prompt's text before the answer's, without control tokens;
//! it counts the answer as prompt, too; it reads 128 word-pieces of a text; and it pads the texts of one call to the same
//! length, so that a vector depends on what is beside it.

use corral_spin_platform::llm::{Embedded, Error, Inferred, Llm, Parameters};
use std::sync::{Mutex, PoisonError};

/// An llm that follows a script.
pub struct Scripted {
    answer: Result<String, Error>,
    generated: u32,
    is_stock: bool,
    asked: Mutex<Vec<(String, String, Parameters)>>,
    embedded: Mutex<Vec<Vec<String>>>,
}

impl Scripted {
    /// What every prompt is said to have.
    pub const PROMPT_TOKENS: u32 = 12;
    /// Values of a vector.
    pub const DIMENSIONS: u32 = 3;
    /// Word-pieces that are read of a text.
    pub const PIECES: u32 = 128;

    /// Answers as Spin's own engine does.
    pub fn stock(answer: &str, generated: u32) -> Self {
        Self::new(Ok(answer.to_owned()), generated, true)
    }

    /// Answers as engines behind an address do.
    pub fn plain(answer: &str, generated: u32) -> Self {
        Self::new(Ok(answer.to_owned()), generated, false)
    }

    /// Answers nothing.
    pub fn failing(error: Error) -> Self {
        Self::new(Err(error), 0, true)
    }

    fn new(answer: Result<String, Error>, generated: u32, is_stock: bool) -> Self {
        Self { answer, generated, is_stock, asked: Mutex::default(), embedded: Mutex::default() }
    }

    /// Model, prompt and parameters of each answer so far.
    pub fn asked(&self) -> Vec<(String, String, Parameters)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The texts of each call so far.
    pub fn embedded(&self) -> Vec<Vec<String>> {
        self.embedded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Llm for Scripted {
    fn infer(&self, model: &str, prompt: &str, parameters: Parameters) -> Result<Inferred, Error> {
        let asked = (model.to_owned(), prompt.to_owned(), parameters);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        let answer = self.answer.clone()?;
        if !self.is_stock {
            let (text, prompt_tokens) = (answer, Self::PROMPT_TOKENS);
            return Ok(Inferred { text, prompt_tokens, generated_tokens: self.generated });
        }
        let said = prompt.replace("</s><s>", " ");
        let prompt_tokens = Self::PROMPT_TOKENS + self.generated;
        Ok(Inferred { text: said + &answer, prompt_tokens, generated_tokens: self.generated })
    }

    fn embed(&self, _model: &str, texts: &[String]) -> Result<Embedded, Error> {
        self.embedded.lock().unwrap_or_else(PoisonError::into_inner).push(texts.to_vec());
        self.answer.clone()?;
        let pieces = |text: &String| (text.split_whitespace().count() as u32 + 2).min(Self::PIECES);
        let longest = texts.iter().map(pieces).max().unwrap_or(0);
        let vector = |text: &String| {
            let padding = longest - pieces(text);
            vec![1.0 + padding as f32, text.len() as f32, 2.0]
        };
        Ok(Embedded { vectors: texts.iter().map(vector).collect(), prompt_tokens: longest })
    }
}
