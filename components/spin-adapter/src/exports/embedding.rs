//! `corral:host/embedding`.

use super::milliseconds;
use crate::{
    Adapter,
    corral::host::embedding::{Embeddings, Error, Guest, Model, Purpose},
    log::log,
    services::{Unavailable, embedding},
};
use corral_spin_inference::embedding as backend;

impl Guest for Adapter {
    fn describe() -> Model {
        match embedding() {
            Ok(embedding) => {
                let backend::Model { name, dimensions, max_tokens } = embedding.model().clone();
                Model { name, dimensions, max_tokens }
            }
            // The contract has no error here. Nothing is stored or found with a model of no dimensions.
            Err(Unavailable) => Model { name: String::new(), dimensions: 0, max_tokens: 0 },
        }
    }

    /// The model does not treat the two purposes differently.
    fn embed(texts: Vec<String>, _purpose: Purpose) -> Result<Embeddings, Error> {
        let embedding = embedding()?;
        let backend::Embeddings { values, truncated } = embedding.embed(&texts)?;
        Ok(Embeddings { dimensions: embedding.model().dimensions, values, truncated })
    }

    fn count_tokens(texts: Vec<String>) -> Result<Vec<u32>, Error> {
        Ok(embedding()?.count_tokens(&texts)?)
    }
}

impl From<backend::Error> for Error {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::Overloaded { retry_after } => Self::Overloaded(milliseconds(retry_after)),
            backend::Error::InvalidArgument(what) => Self::InvalidArgument(what),
            error @ backend::Error::Unavailable(_) => {
                log(error);
                Self::Unavailable
            }
        }
    }
}

impl From<Unavailable> for Error {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}
