//! Texts become vectors: a sentence model such as all-MiniLM-L6-v2, run by ONNX Runtime through fastembed.
//!
//! Calls that are there together share the model's runs, as far as the model lets texts run together without one
//! changing another's vector. Queries and documents each have a queue and a thread.
//!
//! Not here: what is embedded and why (the components), where vectors are kept (`corral-vectors`), and how
//! the model comes here (`make setup`, `corral models`).
//!
//! ```no_run
//! # use std::time::{Duration, Instant};
//! # use corral_embedding::{Config, Embedder, Error, Purpose};
//! # async fn example() -> Result<(), Error> {
//! let embedder = Embedder::start(Config::default())?;
//! let deadline = Instant::now() + Duration::from_secs(5);
//! let embeddings = embedder.embed(vec!["What do horses eat?".into()], Purpose::Query, deadline).await?;
//! assert_eq!(embeddings.values.len(), 384);
//! # Ok(())
//! # }
//! ```

mod batch;
mod call;
mod company;
mod config;
mod documents;
mod embedder;
mod error;
mod model;
mod pieces;
mod priority;
mod queue;
mod worker;

pub use config::Config;
pub use embedder::{Embedder, Embeddings, Purpose};
pub use error::Error;

/// Texts that one call of [`Embedder::embed`] takes.
pub const MAX_TEXTS: usize = 256;
/// Texts that one call of [`Embedder::count_tokens`] takes.
pub const MAX_COUNTED: usize = 4096;
/// Bytes that one text may have.
pub const MAX_BYTES: usize = 1 << 20;
