//! From a question to the passages that the answer is given to read.
//!
//! A session without documents costs one look: no embedding, no condensing. Not here: what passages
//! look like in the prompt (`prompt.rs`), and how many of them fit (`budget.rs`).

#[cfg(test)]
mod tests;

use crate::bindings::corral::host::sessions::Turn;
use crate::bindings::corral::host::vectors::{Entry, Hit, Match};
use crate::bindings::corral::host::{embedding, vectors};
use crate::bindings::exports::corral::chat::turns::{Error, Source, Span};
use crate::condense;
use crate::failure::log;
use crate::host::Host;
use crate::settings::{Condense, Retrieval, Settings};

/// The most words that the store takes, in bytes. An embedding model reads far less of a long question.
const MOST_WORDS: usize = 64 << 10;

/// The passages of the session that answer the question best, best first. None if documents cannot be
/// searched now and the settings want an answer all the same.
pub fn passages<H: Host>(
    host: &H,
    settings: &Settings,
    session: &str,
    history: &[Turn],
    question: &str,
) -> Result<Option<Vec<Hit>>, Error> {
    match search(host, settings, session, history, question) {
        Ok(found) => Ok(Some(found)),
        Err(Failure::Down(error)) => match settings.retrieval {
            Retrieval::Required => Err(error),
            Retrieval::Optional => {
                log("answering without documents: they cannot be searched now");
                Ok(None)
            }
        },
        Err(Failure::Other(error)) => Err(error),
    }
}

/// A passage as the client sees it.
pub fn source(hit: &Hit) -> Source {
    let passage = &hit.passage;
    Source {
        id: passage.id.clone(),
        document: value(&passage.metadata, "document").unwrap_or(&passage.id).to_owned(),
        text: passage.text.clone(),
        span: span(&passage.metadata),
        score: 1.0 - hit.distance,
        metadata: passage.metadata.clone(),
    }
}

/// Why nothing was found, by whether an answer without documents makes up for it.
enum Failure {
    /// The vector store or the embedding model is down or busy: it may work again any moment.
    Down(Error),
    /// It will not mend itself, or has nothing to do with documents.
    Other(Error),
}

fn search<H: Host>(
    host: &H,
    settings: &Settings,
    session: &str,
    history: &[Turn],
    question: &str,
) -> Result<Vec<Hit>, Failure> {
    if settings.retrieval_k == 0 || host.is_empty(session)? {
        return Ok(Vec::new());
    }
    let text = query_text(host, settings, history, question).map_err(Failure::Other)?;
    let embedding = host.embed_query(&text)?.values;
    let (most, limit) = (settings.retrieval_max_distance, settings.retrieval_k);
    if settings.retrieval_hybrid {
        let words = &text[..text.floor_char_boundary(MOST_WORDS)];
        let found = host.search(session, &embedding, words, limit)?;
        return Ok(found.into_iter().filter(|one| one.bm25 > 0.0 || one.distance <= most).map(hit).collect());
    }
    let mut hits = host.query(session, &embedding, limit)?;
    hits.retain(|hit| hit.distance <= most);
    Ok(hits)
}

fn query_text<H: Host>(
    host: &H,
    settings: &Settings,
    history: &[Turn],
    question: &str,
) -> Result<String, Error> {
    if history.is_empty() || condense::stands_alone(question) {
        return Ok(question.to_owned());
    }
    let condensed = match settings.condense {
        Condense::Auto => condense::condense(host, settings.model.as_deref(), history, question)?,
        Condense::Never => None,
    };
    Ok(condensed.unwrap_or_else(|| condense::beside_the_last(history, question)))
}

/// Which words it has decided only whether it is kept, and at which place.
fn hit(found: Match) -> Hit {
    Hit { passage: found.passage, distance: found.distance }
}

/// None for passages that were not cut from a document by the gateway.
fn span(metadata: &[Entry]) -> Option<Span> {
    let number = |key| value(metadata, key)?.parse().ok();
    let span = Span { start: number("start")?, end: number("end")? };
    (span.start <= span.end).then_some(span)
}

fn value<'a>(metadata: &'a [Entry], key: &str) -> Option<&'a str> {
    metadata.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

impl From<vectors::Error> for Failure {
    fn from(error: vectors::Error) -> Self {
        match error {
            vectors::Error::Unavailable => Self::Down(error.into()),
            vectors::Error::DimensionMismatch(_) | vectors::Error::InvalidArgument(_) => {
                Self::Other(error.into())
            }
        }
    }
}

impl From<embedding::Error> for Failure {
    fn from(error: embedding::Error) -> Self {
        match error {
            embedding::Error::Overloaded(_) | embedding::Error::Deadline | embedding::Error::Unavailable => {
                Self::Down(error.into())
            }
            embedding::Error::InvalidArgument(_) => Self::Other(error.into()),
        }
    }
}
