//! What is stored, and what is found.

use sha2::{Digest, Sha256};
use std::fmt;

/// What made the embeddings. It is recorded with the collection: distances between embeddings of
/// two models mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Name of the model.
    pub name: String,
    /// How many values an embedding has.
    pub dimensions: u32,
}

impl fmt::Display for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} dimensions)", self.name, self.dimensions)
    }
}

/// One named string of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// 1 to 128 bytes.
    pub key: String,
    /// At most 4 KiB.
    pub value: String,
}

/// A passage to store.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Unique in its partition, 1 to 256 bytes. Storing it again replaces what was there.
    pub id: String,
    /// The original text, at most 1 MiB.
    pub text: String,
    /// Of the model's dimensions; every value finite. Only its direction counts.
    pub embedding: Vec<f32>,
    /// At most 128 entries. Keys are unique, and none is `chat_id`, which names the partition.
    pub metadata: Vec<Entry>,
}

/// A stored passage, without its embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// As it was stored.
    pub id: String,
    /// As it was stored.
    pub text: String,
    /// Ordered by key.
    pub metadata: Vec<Entry>,
}

/// A passage found by its embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// What was found.
    pub passage: Passage,
    /// Cosine distance to the question: 0 is the same direction, 2 the opposite. An embedding of
    /// zeros has no direction and is at 1 from everything.
    pub distance: f32,
}

/// A passage found by words.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// What was found.
    pub passage: Passage,
    /// Cosine distance to the question, as in [`Hit`]; none where only words were asked for.
    pub distance: Option<f32>,
    /// BM25 score of the words within the partition; 0: it has none of them.
    pub bm25: f32,
    /// What matches are ordered by, the greatest first.
    pub score: f32,
}

/// All that is stored of a passage.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it is.
    pub partition: String,
    /// What it is; the embedding may be scaled to length one.
    pub item: Item,
}

impl Record {
    /// The same for the same record in every store: SHA-256 of the partition, the id, the text and
    /// the metadata. The embedding is left out: stores round it, so it is compared by direction.
    pub fn digest(&self) -> [u8; 32] {
        let mut metadata: Vec<_> = self.item.metadata.iter().collect();
        metadata.sort_by(|one, other| one.key.cmp(&other.key));
        let mut digest = Sha256::new();
        // Each with its length, so that no two lists of fields read as the same bytes.
        let mut field = |value: &str| {
            digest.update((value.len() as u64).to_be_bytes());
            digest.update(value);
        };
        [&self.partition, &self.item.id, &self.item.text].into_iter().for_each(|value| field(value));
        for entry in metadata {
            field(&entry.key);
            field(&entry.value);
        }
        digest.finalize().into()
    }
}

/// Some of the records of a store.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In an order that only the store knows.
    pub records: Vec<Record>,
    /// How many further ones are left out, because they name no partition: another program's.
    pub skipped: u64,
    /// Where the next page begins; none at the end. It is valid after a restart too.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(partition: &str, metadata: &[(&str, &str)], embedding: [f32; 2]) -> Record {
        let entry = |(key, value): &(&str, &str)| Entry { key: (*key).into(), value: (*value).into() };
        let metadata = metadata.iter().map(entry).collect();
        let item = Item { id: "x".into(), text: "text".into(), embedding: embedding.into(), metadata };
        Record { partition: partition.into(), item }
    }

    #[test]
    fn a_digest_is_of_everything_but_the_embedding() {
        let one = record("p", &[("a", "1"), ("b", "2")], [1.0, 0.0]);
        let mut same = record("p", &[("b", "2"), ("a", "1")], [0.5, 0.5]);
        assert_eq!(one.digest(), same.digest());
        same.item.text.push('!');
        let others = [
            same,
            record("q", &[("a", "1"), ("b", "2")], [1.0, 0.0]),
            record("p", &[("a", "12"), ("b", "")], [1.0, 0.0]),
            record("p", &[("a", "1")], [1.0, 0.0]),
        ];
        assert!(others.iter().all(|other| other.digest() != one.digest()));
    }
}
