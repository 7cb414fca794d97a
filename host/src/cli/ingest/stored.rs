//! What the session has already, so that only what changed is sent.

use super::{client::Document, names};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The session's documents.
#[derive(Debug, Default)]
pub(super) struct Stored(BTreeMap<String, BTreeMap<String, String>>);

/// One part of a file on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label<'f> {
    pub(super) path: &'f Path,
    /// Of the whole file.
    pub(super) sha256: &'f str,
    /// From 0.
    pub(super) index: usize,
    pub(super) parts: usize,
    /// Characters before it.
    pub(super) offset: usize,
}

impl Label<'_> {
    /// The metadata that its document is stored with.
    pub(super) fn metadata(&self) -> Value {
        json!({
            "source": self.path.to_string_lossy(),
            "sha256": self.sha256,
            "part": (self.index + 1).to_string(),
            "parts": self.parts.to_string(),
            "offset": self.offset.to_string(),
        })
    }
}

impl Stored {
    pub(super) fn new(documents: Vec<Document>) -> Self {
        Self(documents.into_iter().map(|document| (document.id, document.metadata)).collect())
    }

    /// Whether every part of that file is there, of just this content, and nothing else of it.
    pub(super) fn is_whole(&self, name: &str, sha256: &str) -> bool {
        let ids = self.of_file(name);
        let parts = ids.len();
        let whole = |index| self.has(&names::part(name, index, parts), sha256, index, parts);
        parts > 0 && (0..parts).all(whole)
    }

    /// Whether this part is there.
    pub(super) fn has(&self, id: &str, sha256: &str, index: usize, parts: usize) -> bool {
        self.0.get(id).is_some_and(|metadata| {
            let is = |key: &str, value: &str| metadata.get(key).is_some_and(|stored| stored == value);
            is("sha256", sha256) && is("part", &(index + 1).to_string()) && is("parts", &parts.to_string())
        })
    }

    /// The documents of a file that are no part of it any more.
    pub(super) fn surplus(&self, name: &str, wanted: &BTreeSet<String>) -> Vec<String> {
        self.of_file(name).into_iter().filter(|id| !wanted.contains(*id)).map(str::to_owned).collect()
    }

    fn of_file(&self, name: &str) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|id| names::of_part(id) == name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(rows: &[(&str, &str, usize, usize)]) -> Stored {
        let document = |(id, sha256, index, parts): &(&str, &str, usize, usize)| {
            let label = Label { path: Path::new("f"), sha256, index: *index, parts: *parts, offset: 0 };
            let metadata = serde_json::from_value(label.metadata()).unwrap();
            Document { id: (*id).to_owned(), metadata }
        };
        Stored::new(rows.iter().map(document).collect())
    }

    #[test]
    fn a_file_is_whole_with_all_its_parts_of_one_content() {
        let whole = stored(&[("f (0001)", "aa", 0, 2), ("f (0002)", "aa", 1, 2), ("g", "bb", 0, 1)]);
        assert!(whole.is_whole("f", "aa") && whole.is_whole("g", "bb"));
        assert!(!whole.is_whole("f", "cc") && !whole.is_whole("h", "aa"));
        assert!(!stored(&[("f (0001)", "aa", 0, 2)]).is_whole("f", "aa"));
        assert!(!stored(&[("f (0001)", "aa", 0, 2), ("f (0002)", "cc", 1, 2)]).is_whole("f", "aa"));
        // A shorter content came, and its predecessor's parts are still there.
        assert!(!stored(&[("f", "aa", 0, 1), ("f (0001)", "cc", 0, 2)]).is_whole("f", "aa"));
    }

    #[test]
    fn parts_of_former_content_are_surplus() {
        let stored = stored(&[("f", "aa", 0, 1), ("f (0001)", "cc", 0, 2), ("ff", "aa", 0, 1)]);
        assert_eq!(stored.surplus("f", &["f".to_owned()].into()), ["f (0001)"]);
    }
}
