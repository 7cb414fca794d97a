//! Texts become vectors: a sentence model such as all-MiniLM-L6-v2, run by ONNX Runtime through fastembed.
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

mod batches;
mod model;
mod pieces;
mod queue;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::model::Model;
use crate::pieces::{Pieces, Reading};
use crate::queue::{Lane, Queue};

/// Texts that one call of [`Embedder::embed`] takes.
pub const MAX_TEXTS: usize = 256;
/// Texts that one call of [`Embedder::count_tokens`] takes.
pub const MAX_COUNTED: usize = 4096;
/// Bytes that one text may have.
pub const MAX_BYTES: usize = 1 << 20;

/// What the embedder runs and how much may wait for it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The model's folder: model.onnx, tokenizer.json, config.json, special_tokens_map.json and
    /// tokenizer_config.json, as the model hub has them. Its name is the model's name.
    pub model: PathBuf,
    /// ONNX Runtime, the shared library.
    pub runtime: PathBuf,
    /// Threads that compute one batch.
    pub threads: usize,
    /// Calls that may wait or run, for queries and for documents each. Further ones are refused.
    pub queue: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: PathBuf::from(".corral/models/all-minilm-l6-v2"),
            runtime: PathBuf::from(".corral/lib/libonnxruntime.so"),
            threads: 1,
            queue: 64,
        }
    }
}

/// What vectors are for. Queries go first: a person waits for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Texts to be found.
    Document,
    /// Texts to find others with.
    Query,
}

/// The vectors of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Values per vector.
    pub dimensions: u32,
    /// The vectors in the order of the texts, one after the other, each of length 1.
    pub values: Vec<f32>,
    /// Indices of the texts that were longer than the model reads.
    pub truncated: Vec<u32>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// As many calls as may wait do so.
    #[error("the embedding queue is full")]
    Overloaded {
        /// When a retry is reasonable.
        retry_after: Duration,
    },
    /// The call itself is wrong.
    #[error("{0}")]
    InvalidArgument(String),
    /// The deadline passed; what was left of the work is dropped.
    #[error("the deadline passed before the texts were embedded")]
    Deadline,
    /// The model failed or its thread ended. Retrying will hardly help.
    #[error("the embedding model does not work: {0}")]
    Unavailable(String),
    /// The model could not be loaded. Says what is missing and what to do.
    #[error("{0}")]
    Load(String),
}

/// A loaded model and its thread. Clones share both; when the last one goes, the thread ends.
#[derive(Clone)]
pub struct Embedder(Arc<Shared>);

struct Shared {
    name: String,
    dimensions: usize,
    /// Whether texts of one batch leave each other's vectors alone.
    batched: bool,
    pieces: Arc<Pieces>,
    /// Bounds the threads that read texts at one time.
    readers: Arc<Semaphore>,
    queue: Arc<Queue>,
}

impl Embedder {
    /// Loads the model and tries it. Blocks meanwhile: a third of a second for the default model.
    pub fn start(config: Config) -> Result<Self, Error> {
        if config.threads == 0 || config.queue == 0 {
            return Err(Error::Load("embedding: threads and queue must be at least 1".into()));
        }
        let mut model = Model::load(&config)?;
        let trial = model.try_out()?;
        let name = config.model.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tracing::info!(
            model = name,
            dimensions = trial.dimensions,
            batched = trial.batched,
            "embedding model ready"
        );
        let pieces = Arc::new(model.pieces()?);
        let queue = Arc::new(Queue::new(config.queue));
        let jobs = queue.clone();
        thread::Builder::new()
            .name("embedding".into())
            .spawn(move || worker::run(&mut model, &jobs))
            .map_err(|error| Error::Load(format!("starting the embedding thread: {error}")))?;
        let readers = Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, Into::into)));
        let Trial { dimensions, batched } = trial;
        Ok(Self(Arc::new(Shared { name, dimensions, batched, pieces, readers, queue })))
    }

    /// One vector for each text. Dropping the future cancels.
    pub async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<Embeddings, Error> {
        check(&texts, MAX_TEXTS)?;
        let place = self.0.queue.place(Lane::of(purpose))?;
        let work = async {
            let readings = self.read(texts, Pieces::read).await?;
            let truncated = positions(&readings, |reading| reading.truncated);
            let batches = batches::plan(readings, self.0.batched);
            let values = self.0.queue.submit(place, batches, self.0.dimensions).await?;
            Ok(Embeddings { dimensions: self.dimensions(), values, truncated })
        };
        tokio::time::timeout_at(deadline.into(), work).await.unwrap_or(Err(Error::Deadline))
    }

    /// Word-pieces of each text, without the model's markers and without truncation.
    pub async fn count_tokens(&self, texts: Vec<String>) -> Result<Vec<u32>, Error> {
        check(&texts, MAX_COUNTED)?;
        self.read(texts, |pieces, text| pieces.count(&text)).await
    }

    /// The model's name, to be kept with its vectors.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Values per vector.
    pub fn dimensions(&self) -> u32 {
        u32::try_from(self.0.dimensions).unwrap_or(u32::MAX)
    }

    /// Runs the tokenizer over the texts on a thread that may block, until nobody waits for it any more.
    async fn read<T: Send + 'static>(
        &self,
        texts: Vec<String>,
        one: impl Fn(&Pieces, String) -> Result<T, Error> + Send + 'static,
    ) -> Result<Vec<T>, Error> {
        let turn = self.0.readers.clone().acquire_owned().await;
        let pieces = self.0.pieces.clone();
        let waiting = Arc::new(());
        let waited_for = Arc::downgrade(&waiting);
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let wanted = texts.into_iter().take_while(|_| waited_for.strong_count() > 0);
            wanted.map(|text| one(&pieces, text)).collect()
        });
        let result = read.await;
        drop(waiting);
        result.unwrap_or_else(|error| Err(Error::Unavailable(format!("reading the texts: {error}"))))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// What a look at the model's answers showed.
struct Trial {
    dimensions: usize,
    batched: bool,
}

/// Counts and sizes come from a guest.
fn check(texts: &[String], most: usize) -> Result<(), Error> {
    if texts.len() > most {
        return Err(Error::InvalidArgument(format!("{} texts, at most {most} a call", texts.len())));
    }
    match texts.iter().position(|text| text.len() > MAX_BYTES) {
        Some(index) => Err(Error::InvalidArgument(format!(
            "text {index} has {} bytes, at most {MAX_BYTES}",
            texts[index].len()
        ))),
        None => Ok(()),
    }
}

fn positions(readings: &[Reading], which: impl Fn(&Reading) -> bool) -> Vec<u32> {
    (0u32..).zip(readings).filter(|(_, reading)| which(reading)).map(|(index, _)| index).collect()
}
