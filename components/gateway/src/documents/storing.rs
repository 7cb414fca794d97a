//! Puts cut documents into the store, step by step, a new one in place of an old one.
//!
//! All new passages are stored before anything of an old document is deleted, so that nobody ever finds
//! a document missing while it is replaced. What holds if that breaks off:
//!
//! - A document that was not there before leaves nothing behind, as far as the store still answers: one
//!   without an id of the client's would be there twice after the next try.
//! - One that was there is either old, or new, or, where it has more passages than one step, the new
//!   one's beginning and the old one's rest; and a new one may still have the old one's last passages
//!   behind it. Taking the new passages away again would leave holes where the old ones were, and the old
//!   embeddings cannot be had back. The same request sent again mends it.
//!
//! Two requests that store one document at the same time can leave passages of both, until it is stored
//! again.
//!
//! Not here: where texts are cut (`chunks.rs`), and how many passages make a step (`steps.rs`).

#[cfg(test)]
mod tests;

use super::chunks::Chunk;
use super::passage;
use super::steps::{self, Place};
use crate::corral::host::embedding::{self, Embeddings};
use crate::corral::host::types::Entry;
use crate::corral::host::vectors::{self, Item};
use crate::failure::Failure;

/// Passages that one call removes.
const REMOVE_AT_ONCE: usize = 1000;

/// A document that is to be stored.
pub struct Cut {
    pub id: String,
    /// Whether a document of that id may be in the store.
    pub may_be_there: bool,
    pub text: String,
    pub metadata: Vec<Entry>,
    pub chunks: Vec<Chunk>,
}

/// What storing asks of the host, for one session. The component's imports, or the tests' own.
pub trait Host {
    fn embed(&self, texts: &[String]) -> Result<Embeddings, embedding::Error>;
    fn upsert(&self, items: &[Item]) -> Result<(), vectors::Error>;
    /// Some ids of the document's passages after `after`, ascending; empty if there are no more.
    fn ids(&self, document: &str, after: Option<&str>) -> Result<Vec<String>, vectors::Error>;
    /// At most 1,000.
    fn remove(&self, ids: &[String]) -> Result<u32, vectors::Error>;
    /// Fails unless the session is still there.
    fn require_session(&self) -> Result<(), Failure>;
}

pub fn store(host: &impl Host, documents: &[Cut]) -> Result<(), Failure> {
    let old: Vec<_> = documents.iter().map(|document| Old::find(host, document)).collect::<Result<_, _>>()?;
    let mut fresh = Vec::new();
    let stored = put(host, documents, &old, &mut fresh)
        .and_then(|()| Ok(remove(host, old.iter().flat_map(|old| &old.surplus))?))
        // It may have gone while we worked.
        .and_then(|()| host.require_session());
    if stored.is_err() {
        // As far as the store still answers: the failure is told in any case.
        let _ = remove(host, &fresh);
    }
    stored
}

/// Embeds and stores. `fresh` gets the ids of passages whose documents were not there before.
fn put(host: &impl Host, documents: &[Cut], old: &[Old], fresh: &mut Vec<String>) -> Result<(), Failure> {
    let sizes: Vec<_> = documents.iter().map(Cut::sizes).collect();
    for step in steps::plan(&sizes) {
        let items = embed(host, documents, &step)?;
        // Noted first: a call that failed may have stored some all the same.
        let new = step.iter().zip(&items).filter(|(place, _)| !old[place.document].is_there);
        fresh.extend(new.map(|(_, item)| item.id.clone()));
        host.upsert(&items)?;
    }
    Ok(())
}

impl Cut {
    fn chunk(&self, number: usize) -> &str {
        &self.text[self.chunks[number].bytes.clone()]
    }

    /// What each passage takes, in bytes.
    fn sizes(&self) -> Vec<usize> {
        let metadata = self.metadata.iter().map(|entry| entry.key.len() + entry.value.len()).sum::<usize>();
        self.chunks.iter().map(|chunk| chunk.bytes.len() + metadata).collect()
    }

    fn item(&self, number: usize, embedding: Vec<f32>) -> Item {
        let chunk = &self.chunks[number];
        Item {
            id: passage::id(&self.id, number),
            text: self.chunk(number).to_owned(),
            embedding,
            metadata: passage::metadata(&self.id, number, self.chunks.len(), chunk, &self.metadata),
        }
    }

    /// Whether one of its passages has this id.
    fn has(&self, id: &str) -> bool {
        let number = id.rsplit_once('#').and_then(|(_, number)| number.parse().ok());
        number.is_some_and(|number| number < self.chunks.len() && passage::id(&self.id, number) == id)
    }
}

/// What is in the store of a document that is stored again.
struct Old {
    is_there: bool,
    /// Its passages that no new one takes the place of.
    surplus: Vec<String>,
}

impl Old {
    fn find(host: &impl Host, document: &Cut) -> Result<Self, vectors::Error> {
        let mut old = Self { is_there: false, surplus: Vec::new() };
        let mut after: Option<String> = None;
        if !document.may_be_there {
            return Ok(old);
        }
        loop {
            let page = host.ids(&document.id, after.as_deref())?;
            let Some(last) = page.last() else { return Ok(old) };
            after = Some(last.clone());
            old.is_there = true;
            old.surplus.extend(page.into_iter().filter(|id| !document.has(id)));
        }
    }
}

/// The passages of one step, ready to be stored.
fn embed(host: &impl Host, documents: &[Cut], step: &[Place]) -> Result<Vec<Item>, Failure> {
    let text = |index: usize| documents[step[index].document].chunk(step[index].chunk);
    let lengths: Vec<_> = (0..step.len()).map(|index| text(index).len()).collect();
    let mut vectors = vec![Vec::new(); step.len()];
    for call in steps::calls(&lengths) {
        let texts: Vec<String> = call.iter().map(|index| text(*index).to_owned()).collect();
        let embeddings = host.embed(&texts)?;
        // At least one, so that a host that breaks its word makes no panic here.
        let values = embeddings.values.chunks(embeddings.dimensions.max(1) as usize);
        for (index, vector) in call.into_iter().zip(values) {
            vectors[index] = vector.to_vec();
        }
    }
    let item = |(place, vector): (&Place, _)| documents[place.document].item(place.chunk, vector);
    Ok(step.iter().zip(vectors).map(item).collect())
}

fn remove<'i>(host: &impl Host, ids: impl IntoIterator<Item = &'i String>) -> Result<(), vectors::Error> {
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    ids.chunks(REMOVE_AT_ONCE).try_for_each(|ids| host.remove(ids).map(drop))
}
