//! One caller's texts on their way to the model, and the way back of their vectors.
//!
//! Not here: when they run (`queue.rs`), and beside which others (`batch.rs`).

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::Error;
use crate::pieces::Reading;

/// The right to have one call in the queue. It is given back when the last of the call's texts is done or dropped.
pub struct Place {
    pub _permit: OwnedSemaphorePermit,
}

/// What is left of a call: texts that do not run yet, the shortest first.
pub struct Call {
    pub texts: Vec<Text>,
    reply: Arc<Reply>,
}

/// A text and where its vector goes.
pub struct Text {
    pub text: String,
    pub pieces: usize,
    /// Its place in the call.
    index: usize,
    reply: Arc<Reply>,
}

/// What a caller waits for. Dropping it is cancelling.
pub struct Answer {
    texts: usize,
    vectors: mpsc::Receiver<Result<Vector, Error>>,
}

/// Held by all that is left of a call. Fields are dropped in this order: whoever sees the answer's end can count on
/// the place.
struct Reply {
    _place: Place,
    vectors: mpsc::Sender<Result<Vector, Error>>,
}

/// The place of a text in its call, and the text's values.
type Vector = (usize, Vec<f32>);

impl Call {
    /// A call and the answer to it.
    pub fn new(readings: Vec<Reading>, place: Place) -> (Self, Answer) {
        let texts = readings.len();
        // Room for a vector of each text: sending never waits.
        let (sender, receiver) = mpsc::channel(texts.max(1));
        let reply = Arc::new(Reply { _place: place, vectors: sender });
        let text = |(index, Reading { text, pieces, .. })| Text { text, pieces, index, reply: reply.clone() };
        let mut waiting: Vec<_> = readings.into_iter().enumerate().map(text).collect();
        waiting.sort_by_key(|text| text.pieces);
        (Self { texts: waiting, reply }, Answer { texts, vectors: receiver })
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_dropped(&self) -> bool {
        self.reply.vectors.is_closed()
    }

    /// Pieces of the texts that are left.
    pub fn pieces(&self) -> usize {
        self.texts.iter().map(|text| text.pieces).sum()
    }
}

impl Text {
    /// Sends what became of the text. That fails when nobody waits any more, which is no one's loss.
    pub fn answer(self, vector: Result<Vec<f32>, Error>) {
        self.reply.vectors.try_send(vector.map(|values| (self.index, values))).ok();
    }
}

impl Answer {
    /// The values of all vectors in the order of the texts, or the first error.
    pub async fn values(mut self) -> Result<Vec<f32>, Error> {
        let mut vectors = Vec::with_capacity(self.texts);
        while let Some(vector) = self.vectors.recv().await {
            vectors.push(vector?);
        }
        if vectors.len() < self.texts {
            return Err(Error::Unavailable("its thread has ended".into()));
        }
        vectors.sort_unstable_by_key(|(index, _)| *index);
        Ok(vectors.into_iter().flat_map(|(_, values)| values).collect())
    }
}
