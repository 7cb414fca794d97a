//! Vectors by Spin's `llm`.
//!
//! One text a call: Spin's own engine pads all texts of a call to the length of the longest, and takes the padding for
//! words, so that a vector would depend on what is beside it.

use super::{Embedding, Error, Model, Vector};
use corral_spin_platform::llm::{self, Llm};
use std::sync::Arc;

/// Spin's llm and the model that it is asked for.
pub struct Spin {
    llm: Arc<dyn Llm>,
    model: Model,
}

impl Spin {
    /// Asks nobody yet.
    pub fn new(llm: Arc<dyn Llm>, model: Model) -> Self {
        Self { llm, model }
    }

    fn vector(&self, text: &String) -> Result<Vector, Error> {
        let embedded = self.llm.embed(&self.model.name, std::slice::from_ref(text)).map_err(failed)?;
        let Ok([values]) = <[_; 1]>::try_from(embedded.vectors) else {
            return Err(Error::Unavailable("one text got another number of vectors".to_owned()));
        };
        // It counts what it read, so a text of just as many is taken for one that was cut.
        Ok(Vector { values, is_truncated: embedded.prompt_tokens >= self.model.max_tokens })
    }
}

impl Embedding for Spin {
    fn model(&self) -> &Model {
        &self.model
    }

    fn vectors(&self, texts: &[String]) -> Result<Vec<Vector>, Error> {
        texts.iter().map(|text| self.vector(text)).collect()
    }
}

/// The operator's to mend, all of it.
fn failed(error: llm::Error) -> Error {
    Error::Unavailable(error.to_string())
}
