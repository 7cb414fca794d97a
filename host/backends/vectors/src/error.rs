//! Why a call failed, by what the caller can do about it.

use crate::Model;

/// Why a call failed, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An embedding is of another length than the collection's.
    #[error("an embedding has {given} dimensions, the collection's have {stored}")]
    DimensionMismatch {
        /// Of the embedding in the call.
        given: u32,
        /// Of the embeddings in the collection.
        stored: u32,
    },
    /// An argument or a setting breaks its documented form or limit; says which and how.
    #[error("{0}")]
    InvalidArgument(String),
    /// The collection holds embeddings of another model; only opening gives this.
    #[error(
        "the collection holds embeddings of {stored}, the configured model is {given}: \
         name another collection in vectors.collection, or configure that model in embedding.model"
    )]
    OtherModel {
        /// What the collection was made with.
        stored: Model,
        /// What is configured now.
        given: Model,
    },
    /// The store has no collection of that name; only opening a source gives this.
    #[error("there is no collection {0:?}: vectors.collection names it")]
    NoCollection(String),
    /// Worth one later retry. Carries the cause, for the log.
    #[error("the vector store is unavailable: {0}")]
    Unavailable(String),
}
