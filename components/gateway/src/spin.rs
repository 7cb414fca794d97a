//! What Spin asks of a remote model (`[llm_compute] type = "remote_http"`): text generation and embeddings, for whoever
//! knows the application's token.
//!
//! Not here: statuses and the form of errors (`reply.rs`).

pub mod embed;
pub mod infer;
mod token;

pub use token::admit;
