//! Vectors by a server's `/v1/embeddings`.
//!
//! A Corral host refuses texts that are longer than its model reads. Those that may be are sent alone, and where they
//! are refused, their beginning is.

use super::{Embedding, Error, Model, Vector, pieces};
use crate::{
    Error as Inference,
    remote::{
        Address,
        client::{Client, accepted},
        failure::Failure,
    },
};
use corral_spin_platform::http::Http;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// The time for one request.
const PATIENCE: Duration = Duration::from_secs(60);
/// About how much text is in one request. As JSON it may take six times that; a Corral host reads two MiB.
const REQUEST_BYTES: usize = 256 << 10;
/// Pieces that are a model's markers.
const MARKERS: u32 = 2;
/// How often a text is made shorter.
const CUTS: u32 = 8;

/// The server and the model that it is asked for.
pub struct Remote {
    client: Client,
    model: Model,
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    input: &'a [&'a str],
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    index: usize,
    embedding: Vec<f32>,
}

impl Remote {
    /// Asks nobody yet.
    pub fn new(http: Arc<dyn Http>, address: Address, token: Option<&str>, model: Model) -> Self {
        Self { client: Client::new(http, address, token), model }
    }

    fn request(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Failure> {
        let question = Question { model: &self.model.name, input: texts };
        let answer =
            accepted(self.client.post(&["embeddings"], &question, PATIENCE)?, self.model.max_tokens)?;
        let Answer { mut data } = answer.read("the list of vectors")?;
        data.sort_by_key(|entry| entry.index);
        if data.len() != texts.len() || data.iter().enumerate().any(|(at, entry)| entry.index != at) {
            let (texts, vectors) = (texts.len(), data.len());
            return Err(Failure::Failed(format!("{texts} texts got {vectors} vectors, or others")));
        }
        Ok(data.into_iter().map(|entry| entry.embedding).collect())
    }

    /// One that may be longer than the model reads.
    fn long(&self, text: &str) -> Result<Vector, Error> {
        let mut sent = text;
        let mut most = self.model.max_tokens.saturating_sub(MARKERS);
        for _ in 0..CUTS {
            match self.request(&[sent]) {
                Err(Failure::Overflow { .. }) => {
                    sent = pieces::beginning(text, most);
                    most /= 2;
                }
                answer => {
                    let values = answer.map_err(Inference::from)?.into_iter().flatten().collect();
                    return Ok(Vector { values, is_truncated: sent.len() < text.len() });
                }
            }
        }
        Err(Error::Unavailable("the server takes a text for too long however short it is".to_owned()))
    }

    /// Those that are not; if the guess was wrong for one of them, each by itself.
    fn short(&self, texts: &[&str]) -> Result<Vec<Vector>, Error> {
        match self.request(texts) {
            Err(Failure::Overflow { .. }) => texts.iter().map(|text| self.long(text)).collect(),
            vectors => {
                let vectors = vectors.map_err(Inference::from)?.into_iter();
                Ok(vectors.map(|values| Vector { values, is_truncated: false }).collect())
            }
        }
    }

    fn is_long(&self, text: &str) -> bool {
        pieces::most(text) + MARKERS > self.model.max_tokens
    }
}

impl Embedding for Remote {
    fn model(&self) -> &Model {
        &self.model
    }

    fn vectors(&self, texts: &[String]) -> Result<Vec<Vector>, Error> {
        let mut vectors = Vec::with_capacity(texts.len());
        let mut together: Vec<&str> = Vec::new();
        for text in texts {
            let is_long = self.is_long(text);
            let bytes: usize = together.iter().map(|text| text.len()).sum();
            if !together.is_empty() && (is_long || bytes + text.len() > REQUEST_BYTES) {
                vectors.extend(self.short(&together)?);
                together.clear();
            }
            match is_long {
                true => vectors.push(self.long(text)?),
                false => together.push(text),
            }
        }
        if !together.is_empty() {
            vectors.extend(self.short(&together)?);
        }
        Ok(vectors)
    }
}
