//! Texts become vectors, by Spin's `llm` or by a server that speaks OpenAI's protocol.
//!
//! Vectors have length 1, whoever makes them, and a text's vector does not change with the texts beside it.
//!
//! Not here: how many word-pieces a text has (`embedding/pieces.rs`).

mod pieces;
mod remote;
mod spin;

pub use remote::Remote;
pub use spin::Spin;

use crate::Error as Inference;
use std::time::Duration;

/// Texts that one call takes.
const MAX_TEXTS: usize = 256;
/// Texts that one call of counting takes.
const MAX_COUNTED: usize = 4096;
/// Bytes that one text may have.
const MAX_BYTES: usize = 1 << 20;

/// What is known of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name, as Spin's `llm`, the server and the collection in the vector store know it.
    pub name: String,
    /// Values per vector.
    pub dimensions: u32,
    /// Word-pieces of a text that it reads, its markers included.
    pub max_tokens: u32,
}

/// The vectors of one call, packed.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// The vectors in the order of the texts, one after the other, each of length 1.
    pub values: Vec<f32>,
    /// Indices of the texts that were longer than the model reads.
    pub truncated: Vec<u32>,
}

/// Why there is no answer, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server has no place.
    #[error("the server has no place")]
    Overloaded {
        /// When a retry is reasonable.
        retry_after: Duration,
    },
    /// The call itself is wrong.
    #[error("{0}")]
    InvalidArgument(String),
    /// The model does not answer. Carries the cause, for the log.
    #[error("embedding is not available: {0}")]
    Unavailable(String),
}

/// A model that makes vectors.
pub trait Embedding {
    /// What is known of it.
    fn model(&self) -> &Model;

    /// A vector for each text that was checked.
    fn vectors(&self, texts: &[String]) -> Result<Vec<Vector>, Error>;

    /// One vector for each text. At most 256 texts.
    fn embed(&self, texts: &[String]) -> Result<Embeddings, Error> {
        check(texts, MAX_TEXTS)?;
        let vectors = self.vectors(texts)?;
        if vectors.len() != texts.len() {
            let (texts, vectors) = (texts.len(), vectors.len());
            return Err(Error::Unavailable(format!("{texts} texts got {vectors} vectors")));
        }
        let mut embeddings = Embeddings { values: Vec::new(), truncated: Vec::new() };
        for (index, vector) in (0_u32..).zip(vectors) {
            if vector.is_truncated {
                embeddings.truncated.push(index);
            }
            embeddings.values.extend(normal(&vector.values, self.model().dimensions)?);
        }
        Ok(embeddings)
    }

    /// About the most word-pieces that each text can have, without markers. At most 4,096 texts.
    fn count_tokens(&self, texts: &[String]) -> Result<Vec<u32>, Error> {
        check(texts, MAX_COUNTED)?;
        Ok(texts.iter().map(|text| pieces::most(text)).collect())
    }
}

/// The vector of one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    values: Vec<f32>,
    is_truncated: bool,
}

impl From<Inference> for Error {
    fn from(error: Inference) -> Self {
        match error {
            Inference::Overloaded { retry_after } => Self::Overloaded { retry_after },
            Inference::InvalidArgument(what) => Self::InvalidArgument(what),
            error @ (Inference::ContextOverflow { .. } | Inference::NoSuchModel | Inference::Deadline) => {
                Self::Unavailable(error.to_string())
            }
            Inference::Unavailable(cause) => Self::Unavailable(cause),
        }
    }
}

fn check(texts: &[String], most: usize) -> Result<(), Error> {
    if texts.len() > most {
        return Err(Error::InvalidArgument(format!("{} texts, at most {most} a call", texts.len())));
    }
    match texts.iter().position(|text| text.len() > MAX_BYTES) {
        Some(index) => Err(Error::InvalidArgument(format!("text {index} is longer than {MAX_BYTES} bytes"))),
        None => Ok(()),
    }
}

fn normal(values: &[f32], dimensions: u32) -> Result<impl Iterator<Item = f32>, Error> {
    if u32::try_from(values.len()) != Ok(dimensions) {
        return Err(Error::Unavailable(format!("a vector of {} values, not {dimensions}", values.len())));
    }
    // In f64, where no square of an f32 overflows or vanishes.
    let length = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    if !(length.is_finite() && length > 0.0) {
        return Err(Error::Unavailable("a vector that points nowhere".to_owned()));
    }
    Ok(values.iter().map(move |&value| (f64::from(value) / length) as f32))
}

#[cfg(test)]
mod tests;
