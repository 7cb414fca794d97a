//! From a question to the passages that the answer is given to read.
//!
//! A session without documents costs one count: no embedding, no condensing.

use crate::bindings::corral::host::sessions::Turn;
use crate::bindings::corral::host::vectors::Hit;
use crate::bindings::exports::corral::chat::turns::{Error, Source};
use crate::condense;
use crate::host::Host;
use crate::settings::{Condense, Settings};

/// The passages of the session nearest to the question, nearest first.
pub fn passages<H: Host>(
    host: &H,
    settings: &Settings,
    session: &str,
    history: &[Turn],
    question: &str,
) -> Result<Vec<Hit>, Error> {
    if settings.retrieval_k == 0 || host.count_passages(session)? == 0 {
        return Ok(Vec::new());
    }
    let query = query_text(host, settings, history, question)?;
    let embedding = host.embed_query(query)?;
    let mut hits = host.query(session, &embedding.values, settings.retrieval_k)?;
    hits.retain(|hit| hit.distance <= settings.retrieval_max_distance);
    Ok(hits)
}

/// A passage as the client sees it.
pub fn source(hit: &Hit) -> Source {
    let passage = &hit.passage;
    let document = passage.metadata.iter().find(|entry| entry.key == "document");
    Source {
        id: passage.id.clone(),
        document: document.map_or_else(|| passage.id.clone(), |entry| entry.value.clone()),
        text: passage.text.clone(),
        score: 1.0 - hit.distance,
        metadata: passage.metadata.clone(),
    }
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
