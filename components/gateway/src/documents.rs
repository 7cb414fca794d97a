//! Documents given to a session: cut into passages, embedded, stored; listed, read and deleted.
//!
//! Not here: which passages an answer reads (the chat component).

mod chunks;
mod passage;
mod request;
mod steps;
mod storing;
mod units;

use serde::Serialize;

use crate::corral::host::embedding::{self, Purpose};
use crate::corral::host::types::Entry;
use crate::corral::host::vectors::{self, Item, Passage};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::{session, uuid};
use passage::{Document, Summary};
pub use request::Request;
use storing::Cut;

/// Texts that are counted at once.
const COUNT_AT_ONCE: usize = 4096;
/// Passages that are listed at once.
const LIST_AT_ONCE: u32 = 500;

#[derive(Serialize)]
struct Stored {
    documents: Vec<StoredDocument>,
}

#[derive(Serialize)]
struct StoredDocument {
    id: String,
    chunks: usize,
}

#[derive(Serialize)]
struct Listing {
    documents: Vec<Summary>,
}

/// Stores documents; one whose id is there already takes the old one's place (`storing.rs` says how).
pub fn store(request: Request) -> Result<Reply, Failure> {
    let session = request.session;
    session::require(&session)?;
    // All of them first: a text that cannot be counted is told before anything is stored.
    let documents: Vec<_> = request.documents.into_iter().map(cut).collect::<Result<_, _>>()?;
    let done = storing::store(&Imports { session: &session }, &documents);
    if let Err(Failure::SessionNotFound) = done {
        // It went while we worked, and took only what was stored by then.
        vectors::delete_partition(&session)?;
    }
    done?;
    let stored = |document: Cut| StoredDocument { id: document.id, chunks: document.chunks.len() };
    Ok(Reply::ok(&Stored { documents: documents.into_iter().map(stored).collect() }))
}

/// The host that the component runs on, and whose documents these are.
struct Imports<'s> {
    session: &'s str,
}

impl storing::Host for Imports<'_> {
    fn embed(&self, texts: &[String]) -> Result<embedding::Embeddings, embedding::Error> {
        embedding::embed(texts, Purpose::Document)
    }

    fn upsert(&self, items: &[Item]) -> Result<(), vectors::Error> {
        vectors::upsert(self.session, items)
    }

    fn ids(&self, document: &str, after: Option<&str>) -> Result<Vec<String>, vectors::Error> {
        let page = vectors::list(self.session, Some(&of_document(document)), after, LIST_AT_ONCE)?;
        Ok(page.into_iter().map(|passage| passage.id).collect())
    }

    fn remove(&self, ids: &[String]) -> Result<u32, vectors::Error> {
        vectors::remove(self.session, ids)
    }

    fn require_session(&self) -> Result<(), Failure> {
        session::require(self.session)
    }
}

pub fn list(session: &str) -> Result<Reply, Failure> {
    session::require(session)?;
    let first_chunks = passages(session, &Entry { key: passage::CHUNK.to_owned(), value: "0".to_owned() })?;
    Ok(Reply::ok(&Listing { documents: first_chunks.into_iter().map(Summary::from).collect() }))
}

pub fn read(session: &str, id: &str) -> Result<Reply, Failure> {
    session::require(session)?;
    let passages = passages(session, &of_document(id))?;
    let document = Document::from_passages(id, passages).ok_or(Failure::DocumentNotFound)?;
    Ok(Reply::ok(&document))
}

pub fn delete_all(session: &str) -> Result<Reply, Failure> {
    session::require(session)?;
    vectors::delete_partition(session)?;
    Ok(Reply::no_content())
}

pub fn delete(session: &str, id: &str) -> Result<Reply, Failure> {
    session::require(session)?;
    match vectors::delete(session, &of_document(id))? {
        0 => Err(Failure::DocumentNotFound),
        _ => Ok(Reply::no_content()),
    }
}

fn of_document(id: &str) -> Entry {
    Entry { key: passage::DOCUMENT.to_owned(), value: id.to_owned() }
}

fn cut(document: request::Document) -> Result<Cut, Failure> {
    let chunks = chunks::cut(&document.text, count_tokens)?;
    let may_be_there = document.id.is_some();
    let id = document.id.unwrap_or_else(uuid::fresh);
    Ok(Cut { id, may_be_there, text: document.text, metadata: document.metadata, chunks })
}

fn count_tokens(texts: &[&str]) -> Result<Vec<u32>, embedding::Error> {
    let mut counts = Vec::with_capacity(texts.len());
    for texts in texts.chunks(COUNT_AT_ONCE) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        counts.extend(embedding::count_tokens(&texts)?);
    }
    Ok(counts)
}

/// Every passage that the filter lets through.
fn passages(session: &str, filter: &Entry) -> Result<Vec<Passage>, Failure> {
    let mut all: Vec<Passage> = Vec::new();
    loop {
        let after = all.last().map(|passage| passage.id.clone());
        let page = vectors::list(session, Some(filter), after.as_deref(), LIST_AT_ONCE)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
