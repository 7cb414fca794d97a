//! How a document is kept as passages, and read back from them.
//!
//! Not here: where a text is cut (`chunks.rs`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::chunks::Chunk;
use crate::corral::host::types::Entry;
use crate::corral::host::vectors::Passage;

/// The id of the passage's document.
pub const DOCUMENT: &str = "document";
/// The passage's number in its document, from 0.
pub const CHUNK: &str = "chunk";
/// How many passages the document has.
const CHUNKS: &str = "chunks";
/// Where the passage begins and ends in the document, in characters.
const START: &str = "start";
const END: &str = "end";

/// Keys that are not a client's to set. The first one is the store's own.
pub const RESERVED: [&str; 6] = ["chat_id", DOCUMENT, CHUNK, CHUNKS, START, END];

/// A document in a listing.
#[derive(Serialize)]
pub struct Summary {
    id: String,
    chunks: u32,
    metadata: BTreeMap<String, String>,
}

#[derive(Serialize)]
pub struct Document {
    id: String,
    chunks: Vec<Part>,
    metadata: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Part {
    id: String,
    text: String,
    start: u32,
    end: u32,
    metadata: BTreeMap<String, String>,
}

/// What a passage's metadata says, ours apart from the client's.
#[derive(Default)]
struct Facts {
    document: String,
    chunk: u32,
    chunks: u32,
    start: u32,
    end: u32,
    metadata: BTreeMap<String, String>,
}

pub fn id(document: &str, chunk: usize) -> String {
    format!("{document}#{chunk}")
}

pub fn metadata(document: &str, number: usize, count: usize, chunk: &Chunk, given: &[Entry]) -> Vec<Entry> {
    let ours = [
        (DOCUMENT, document.to_owned()),
        (CHUNK, number.to_string()),
        (CHUNKS, count.to_string()),
        (START, chunk.start.to_string()),
        (END, chunk.end.to_string()),
    ];
    let ours = ours.into_iter().map(|(key, value)| Entry { key: key.to_owned(), value });
    ours.chain(given.iter().cloned()).collect()
}

impl From<Passage> for Summary {
    fn from(first: Passage) -> Self {
        let facts = Facts::from(first.metadata);
        Self { id: facts.document, chunks: facts.chunks, metadata: facts.metadata }
    }
}

impl Document {
    /// The document in reading order. None if there is nothing of it.
    pub fn from_passages(id: &str, passages: Vec<Passage>) -> Option<Self> {
        let mut parts: Vec<_> = passages
            .into_iter()
            .map(|passage| {
                let facts = Facts::from(passage.metadata);
                let Facts { chunk, start, end, metadata, .. } = facts;
                (chunk, Part { id: passage.id, text: passage.text, start, end, metadata })
            })
            .collect();
        // The store orders by id, and there "10" comes before "9".
        parts.sort_by_key(|(chunk, _)| *chunk);
        let chunks: Vec<_> = parts.into_iter().map(|(_, part)| part).collect();
        let metadata = chunks.first()?.metadata.clone();
        Some(Self { id: id.to_owned(), chunks, metadata })
    }
}

impl From<Vec<Entry>> for Facts {
    fn from(entries: Vec<Entry>) -> Self {
        let mut facts = Self::default();
        for Entry { key, value } in entries {
            // Numbers that we wrote ourselves.
            let number = || value.parse().unwrap_or_default();
            match key.as_str() {
                DOCUMENT => facts.document = value,
                CHUNK => facts.chunk = number(),
                CHUNKS => facts.chunks = number(),
                START => facts.start = number(),
                END => facts.end = number(),
                key if RESERVED.contains(&key) => {}
                _ => {
                    facts.metadata.insert(key, value);
                }
            }
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passage(number: usize) -> Passage {
        let chunk = Chunk { bytes: 0..1, start: number as u32, end: number as u32 + 1 };
        let given = [Entry { key: "page".to_owned(), value: "7".to_owned() }];
        let metadata = metadata("d", number, 11, &chunk, &given);
        Passage { id: id("d", number), text: format!("text {number}"), metadata }
    }

    #[test]
    fn a_document_reads_in_order_whatever_the_stores_order() {
        let mut passages: Vec<_> = (0..11).map(passage).collect();
        passages.sort_by(|one, other| one.id.cmp(&other.id));
        assert_eq!(passages[2].id, "d#10");
        let document = Document::from_passages("d", passages).unwrap();
        let json = serde_json::to_value(&document).unwrap();
        assert_eq!(json["metadata"], json!({"page": "7"}));
        assert_eq!(
            json["chunks"][10],
            json!({"id": "d#10", "text": "text 10", "start": 10, "end": 11, "metadata": {"page": "7"}})
        );
        assert!(Document::from_passages("d", Vec::new()).is_none());
    }

    #[test]
    fn a_listing_shows_the_clients_metadata_only() {
        let mut first = passage(0);
        first.metadata.push(Entry { key: "chat_id".to_owned(), value: "s".to_owned() });
        let json = serde_json::to_value(Summary::from(first)).unwrap();
        assert_eq!(json, json!({"id": "d", "chunks": 11, "metadata": {"page": "7"}}));
    }
}
