//! Documents given to a session: cut into passages, embedded, stored; listed, read and deleted.
//!
//! Not here: which passages an answer reads (the chat component).

mod chunks;
mod passage;
mod request;
mod units;

use serde::Serialize;

use crate::corral::host::types::Entry;
use crate::corral::host::vectors::{self, Item, Passage};
use crate::corral::host::{embedding, embedding::Purpose};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::{session, uuid};
use chunks::Chunk;
use passage::{Document, Summary};
pub use request::Request;

/// Passages that are embedded at once: what the model does in about two seconds.
const EMBED_AT_ONCE: usize = 64;
/// Texts that are counted at once.
const COUNT_AT_ONCE: usize = 4096;
/// Passages that are stored, and listed, at once.
const STORE_AT_ONCE: usize = 500;

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

/// Stores documents; one whose id is there already takes the old one's place.
///
/// Everything is cut and embedded before anything old is deleted.
pub fn store(request: Request) -> Result<Reply, Failure> {
    let session = request.session;
    session::require(&session)?;
    let mut stored = Vec::with_capacity(request.documents.len());
    let mut items = Vec::new();
    let mut replaced = Vec::new();
    for document in request.documents {
        let id = document.id.clone().unwrap_or_else(uuid::fresh);
        let chunks = chunks::cut(&document.text, count_tokens)?;
        embed(&document, &id, &chunks, &mut items)?;
        replaced.extend(document.id);
        stored.push(StoredDocument { id, chunks: chunks.len() });
    }
    for id in replaced {
        vectors::delete(&session, &of_document(&id))?;
    }
    if let Err(error) = items.chunks(STORE_AT_ONCE).try_for_each(|items| vectors::upsert(&session, items)) {
        // No half documents: what was stored goes again, as far as the store still answers.
        for document in &stored {
            let _ = vectors::delete(&session, &of_document(&document.id));
        }
        return Err(Failure::from(error));
    }
    if let Err(failure) = session::require(&session) {
        // The session went while we worked, and took only what was stored by then.
        vectors::delete_partition(&session)?;
        return Err(failure);
    }
    Ok(Reply::ok(&Stored { documents: stored }))
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

fn count_tokens(texts: &[&str]) -> Result<Vec<u32>, embedding::Error> {
    let mut counts = Vec::with_capacity(texts.len());
    for texts in texts.chunks(COUNT_AT_ONCE) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        counts.extend(embedding::count_tokens(&texts)?);
    }
    Ok(counts)
}

/// Adds the document's passages to `items`.
fn embed(
    document: &request::Document,
    id: &str,
    chunks: &[Chunk],
    items: &mut Vec<Item>,
) -> Result<(), embedding::Error> {
    items.reserve(chunks.len());
    for (batch, some) in chunks.chunks(EMBED_AT_ONCE).enumerate() {
        let texts: Vec<String> =
            some.iter().map(|chunk| document.text[chunk.bytes.clone()].to_owned()).collect();
        let embeddings = embedding::embed(&texts, Purpose::Document)?;
        // At least one, so that a host that breaks its word makes no panic here.
        let vectors = embeddings.values.chunks(embeddings.dimensions.max(1) as usize);
        for (index, ((chunk, text), vector)) in some.iter().zip(texts).zip(vectors).enumerate() {
            let number = batch * EMBED_AT_ONCE + index;
            items.push(Item {
                id: passage::id(id, number),
                text,
                embedding: vector.to_vec(),
                metadata: passage::metadata(id, number, chunks.len(), chunk, &document.metadata),
            });
        }
    }
    Ok(())
}

/// Every passage that the filter lets through.
fn passages(session: &str, filter: &Entry) -> Result<Vec<Passage>, Failure> {
    let mut all: Vec<Passage> = Vec::new();
    loop {
        let after = all.last().map(|passage| passage.id.clone());
        let page = vectors::list(session, Some(filter), after.as_deref(), STORE_AT_ONCE as u32)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
