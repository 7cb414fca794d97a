//! The handle: checks and reads texts on the caller's side, and hands them to the model's threads.
//!
//! Not here: what the threads do with them (`queue.rs`, `worker.rs`).

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::model::Model;
use crate::pieces::{Pieces, Reading};
use crate::queue::Queue;
use crate::{Config, Error, MAX_BYTES, MAX_COUNTED, MAX_TEXTS, documents, worker};

/// What vectors are for. A person waits for queries; documents are background work, and wait for each other alone.
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

/// A loaded model and its threads. Clones share them; when the last one goes, the threads end.
///
/// Calls are boxed, so that the work behind them is compiled here, and not by each crate that waits for one.
#[derive(Clone)]
pub struct Embedder(Option<Arc<Shared>>);

struct Shared {
    name: String,
    dimensions: usize,
    pieces: Arc<Pieces>,
    queries: Lane,
    documents: Lane,
}

/// The way of the calls of one purpose. Nothing of it is shared: queries wait for no document.
struct Lane {
    /// Bounds the threads that read texts at one time.
    readers: Arc<Semaphore>,
    queue: Arc<Queue>,
}

impl Embedder {
    /// Loads the model and tries it. Blocks meanwhile: a third of a second for the default model.
    pub fn start(config: Config) -> Result<Self, Error> {
        config.check()?;
        let mut model = Model::load(&config)?;
        let trial = model.try_out()?;
        let name = config.model.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (dimensions, batched) = (trial.sample.len(), trial.batched);
        tracing::info!(model = name, dimensions, batched, "embedding model ready");
        let pieces = Arc::new(model.pieces()?);
        let (queries, documents) = (Lane::new(&config, batched), Lane::new(&config, batched));
        let shared = Shared { name, dimensions, pieces, queries, documents };
        let queue = shared.queries.queue.clone();
        worker::spawn("embed-queries", move || worker::run(|texts| model.embed(texts), &queue))?;
        let queue = shared.documents.queue.clone();
        worker::spawn("embed-documents", move || documents::run(&config, &trial, &queue))?;
        Ok(Self(Some(Arc::new(shared))))
    }

    /// One without a model, for a host whose applications use none: every call says so.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    fn shared(&self) -> Result<&Shared, Error> {
        self.0.as_deref().ok_or_else(|| Error::Unavailable("no embedding model is loaded".into()))
    }

    /// One vector for each text. Dropping the future cancels.
    pub fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Embeddings, Error>> {
        Box::pin(async move {
            check(&texts, MAX_TEXTS)?;
            let shared = self.shared()?;
            let lane = match purpose {
                Purpose::Query => &shared.queries,
                Purpose::Document => &shared.documents,
            };
            let place = lane.queue.place()?;
            let work = async {
                let readings = self.read(lane, texts, Pieces::read).await?;
                let truncated = positions(&readings, |reading| reading.truncated);
                let values = lane.queue.submit(place, readings).values().await?;
                Ok(Embeddings { dimensions: self.dimensions(), values, truncated })
            };
            tokio::time::timeout_at(deadline.into(), work).await.unwrap_or(Err(Error::Deadline))
        })
    }

    /// Word-pieces of each text, without the model's markers and without truncation. For chunking, so it waits with
    /// the documents.
    pub fn count_tokens(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<u32>, Error>> {
        Box::pin(async move {
            check(&texts, MAX_COUNTED)?;
            self.read(&self.shared()?.documents, texts, |pieces, text| pieces.count(&text)).await
        })
    }

    /// The model's name, to be kept with its vectors.
    pub fn name(&self) -> &str {
        self.0.as_deref().map_or("none", |shared| &shared.name)
    }

    /// Values per vector.
    pub fn dimensions(&self) -> u32 {
        self.0.as_deref().map_or(0, |shared| u32::try_from(shared.dimensions).unwrap_or(u32::MAX))
    }

    /// Word-pieces of a text that the model reads, its markers included.
    pub fn max_tokens(&self) -> u32 {
        self.0.as_deref().map_or(0, |shared| u32::try_from(shared.pieces.longest()).unwrap_or(u32::MAX))
    }

    /// Runs the tokenizer over the texts on a thread that may block, until nobody waits for it any more.
    async fn read<T: Send + 'static>(
        &self,
        lane: &Lane,
        texts: Vec<String>,
        one: impl Fn(&Pieces, String) -> Result<T, Error> + Send + 'static,
    ) -> Result<Vec<T>, Error> {
        let turn = lane.readers.clone().acquire_owned().await;
        let pieces = self.shared()?.pieces.clone();
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
        self.queries.queue.close();
        self.documents.queue.close();
    }
}

impl Lane {
    fn new(config: &Config, together: bool) -> Self {
        let readers = Arc::new(Semaphore::new(thread::available_parallelism().map_or(1, Into::into)));
        Self { readers, queue: Arc::new(Queue::new(config.queue, together, config.window)) }
    }
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
