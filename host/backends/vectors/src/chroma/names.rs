//! What ids and keys of metadata are called in ChromaDB.
//!
//! Ids are unique in a collection there and in a partition here, so the partition goes in front. Keys
//! that ChromaDB refuses or drops get a prefix.

use std::borrow::Cow;

/// The key of the metadata that names the partition.
pub const PARTITION: &str = "chat_id";

const PREFIX: &str = "corral:";

/// A record's two names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// In the partition.
    pub id: String,
    /// In the collection.
    pub raw: String,
}

impl Key {
    /// Of a record that is there. Those that other programs wrote keep their ids.
    pub fn of(partition: &str, raw: String) -> Self {
        let id = raw
            .strip_prefix(front(partition).as_str())
            .filter(|id| !id.is_empty())
            .unwrap_or(&raw)
            .to_owned();
        Self { id, raw }
    }
}

/// The id in the collection of a passage that is stored from here.
pub fn raw(partition: &str, id: &str) -> String {
    front(partition) + id
}

/// Whether an id in the collection names this partition.
pub fn is_own(partition: &str, raw: &str) -> bool {
    raw.starts_with(&front(partition))
}

/// The key under which ChromaDB keeps a value.
pub fn stored_key(key: &str) -> Cow<'_, str> {
    // It refuses the first two, and drops values under its own name.
    if ["#", "$", "chroma:", PREFIX].iter().any(|start| key.starts_with(start)) {
        return (PREFIX.to_owned() + key).into();
    }
    key.into()
}

pub fn original_key(stored: &str) -> &str {
    stored.strip_prefix(PREFIX).filter(|key| !key.is_empty()).unwrap_or(stored)
}

/// The first `/` ends the partition, whatever is in it: no two passages share an id.
fn front(partition: &str) -> String {
    partition.replace('%', "%25").replace('/', "%2F") + "/"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_passages_share_an_id() {
        let names = [("a", "b/c"), ("a/b", "c"), ("a%2Fb", "c"), ("a", "/b/c"), ("a/", "b/c")];
        let raws: std::collections::HashSet<_> =
            names.iter().map(|(partition, id)| raw(partition, id)).collect();
        assert_eq!(raws.len(), names.len());
        for (partition, id) in names {
            assert_eq!(Key::of(partition, raw(partition, id)).id, id);
        }
    }

    #[test]
    fn ids_of_other_programs_stay_as_they_are() {
        for foreign in ["7d1e", "q/7d1e", "p/"] {
            assert_eq!(Key::of("p", foreign.to_owned()).id, foreign);
        }
    }

    #[test]
    fn every_key_comes_back() {
        for key in ["document", "#document", "$x", "chroma:x", "corral:x", "corral:", "corral:corral:x", "#"]
        {
            assert_eq!(original_key(&stored_key(key)), key);
        }
        assert_eq!(stored_key("a.b\"c"), "a.b\"c");
    }
}
