//! What the store has and is asked, when documents are stored, replaced, and when that breaks off.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use super::super::{chunks, request::MAX_ENTRIES};
use super::*;

/// As many as the store takes of a passage.
const STORED_ENTRIES: usize = 128;

/// A store in memory, and a model whose vector is the text's length.
#[derive(Default)]
struct Fake {
    passages: RefCell<BTreeMap<String, Item>>,
    /// How many texts each call of the model had.
    embedded: RefCell<Vec<usize>>,
    /// How many passages of `d` the store had, before each call that changed it.
    seen: RefCell<Vec<usize>>,
    removals: RefCell<Vec<usize>>,
    embeds_until_busy: Cell<Option<usize>>,
    upserts_until_down: Cell<Option<usize>>,
    removes_fail: Cell<bool>,
    sessions_are_down: Cell<bool>,
}

impl Fake {
    fn texts(&self, document: &str) -> Vec<String> {
        let passages = self.passages.borrow();
        let mut items: Vec<_> = passages.values().filter(|item| item.is_of(document)).collect();
        items.sort_by_key(|item| item.number());
        items.iter().map(|item| item.text.clone()).collect()
    }

    fn store(&self, documents: &[Cut]) -> Result<(), Failure> {
        store(self, documents)
    }
}

impl Item {
    fn value(&self, key: &str) -> &str {
        self.metadata.iter().find(|entry| entry.key == key).map_or("", |entry| &entry.value)
    }

    fn is_of(&self, document: &str) -> bool {
        self.value(passage::DOCUMENT) == document
    }

    fn number(&self) -> usize {
        self.value(passage::CHUNK).parse().unwrap()
    }
}

/// Whether this call is the one to fail.
fn due(countdown: &Cell<Option<usize>>) -> bool {
    let left = countdown.get();
    countdown.set(left.map(|left| left.saturating_sub(1)));
    left == Some(0)
}

impl Host for Fake {
    fn embed(&self, texts: &[String]) -> Result<Embeddings, embedding::Error> {
        if due(&self.embeds_until_busy) {
            return Err(embedding::Error::Overloaded(700));
        }
        self.embedded.borrow_mut().push(texts.len());
        let values = texts.iter().map(|text| text.len() as f32).collect();
        Ok(Embeddings { dimensions: 1, values, truncated: Vec::new() })
    }

    fn upsert(&self, items: &[Item]) -> Result<(), vectors::Error> {
        assert!(items.len() <= 1000);
        assert!(items.iter().all(|item| item.metadata.len() <= STORED_ENTRIES));
        if due(&self.upserts_until_down) {
            return Err(vectors::Error::Unavailable);
        }
        self.seen.borrow_mut().push(self.texts("d").len());
        let mut passages = self.passages.borrow_mut();
        passages.extend(items.iter().map(|item| (item.id.clone(), item.clone())));
        Ok(())
    }

    fn ids(&self, document: &str, after: Option<&str>) -> Result<Vec<String>, vectors::Error> {
        let passages = self.passages.borrow();
        let of_document = passages.iter().filter(|(_, item)| item.is_of(document)).map(|(id, _)| id);
        Ok(of_document.filter(|id| after.is_none_or(|after| id.as_str() > after)).take(7).cloned().collect())
    }

    fn remove(&self, ids: &[String]) -> Result<u32, vectors::Error> {
        assert!(ids.len() <= 1000);
        if self.removes_fail.get() {
            return Err(vectors::Error::Unavailable);
        }
        self.seen.borrow_mut().push(self.texts("d").len());
        self.removals.borrow_mut().push(ids.len());
        let mut passages = self.passages.borrow_mut();
        Ok(ids.iter().filter(|id| passages.remove(*id).is_some()).count() as u32)
    }

    fn require_session(&self) -> Result<(), Failure> {
        if self.sessions_are_down.get() { Err(Failure::Unavailable) } else { Ok(()) }
    }
}

/// A document of so many words, each of which is one token: about one passage for 180 of them.
fn document(id: &str, word: &str, words: usize) -> Cut {
    let text = format!("{word} ").repeat(words);
    let chunks = chunks::cut(&text, |texts| Ok::<_, Infallible>(vec![1; texts.len()])).unwrap();
    let metadata = vec![Entry { key: "page".to_owned(), value: "7".to_owned() }];
    Cut { id: id.to_owned(), may_be_there: true, text, metadata, chunks }
}

fn texts(document: &Cut) -> Vec<String> {
    (0..document.chunks.len()).map(|number| document.chunk(number).to_owned()).collect()
}

#[test]
fn every_passage_is_stored_with_its_own_vector_and_facts() {
    let host = Fake::default();
    let documents = [document("d", "word", 30_000), document("e", "other", 20)];
    host.store(&documents).unwrap();
    assert_eq!(host.texts("d"), texts(&documents[0]));
    assert_eq!(host.texts("e"), texts(&documents[1]));
    for item in host.passages.borrow().values() {
        assert_eq!(item.embedding, [item.text.len() as f32]);
        assert_eq!(item.value("page"), "7");
    }
}

#[test]
fn the_store_takes_what_a_client_may_say_of_a_document_and_our_own_beside_it() {
    let host = Fake::default();
    let entry = |number: usize| Entry { key: number.to_string(), value: "x".to_owned() };
    let metadata: Vec<_> = (0..MAX_ENTRIES).map(entry).collect();
    host.store(&[Cut { metadata, ..document("d", "word", 400) }]).unwrap();
    assert!(host.passages.borrow().values().all(|item| item.metadata.len() > MAX_ENTRIES));
}

#[test]
fn a_hundred_small_documents_are_embedded_in_two_calls() {
    let host = Fake::default();
    let documents: Vec<_> = (0..100).map(|n| document(&format!("d{n}"), "word", 1 + n % 200)).collect();
    host.store(&documents).unwrap();
    assert_eq!(*host.embedded.borrow(), [64, 36]);
    assert_eq!((host.passages.borrow().len(), host.removals.borrow().len()), (100, 0));
}

#[test]
fn a_shorter_document_takes_the_place_of_a_longer_one_which_is_there_all_the_while() {
    let host = Fake::default();
    host.store(&[document("d", "old", 4_000)]).unwrap();
    // One that others stored for the same document.
    let foreign = Item { id: "0f0e".to_owned(), ..host.passages.borrow()["d#0"].clone() };
    host.passages.borrow_mut().insert(foreign.id.clone(), foreign);
    host.seen.borrow_mut().clear();
    let new = [document("d", "new", 2_000), document("e", "new", 200)];
    host.store(&new).unwrap();
    assert_eq!(host.texts("d"), texts(&new[0]));
    assert!(host.seen.borrow().iter().all(|passages| *passages > 0));
    assert_eq!(host.removals.borrow().len(), 1);
}

#[test]
fn a_longer_document_takes_the_place_of_a_shorter_one_without_a_deletion() {
    let host = Fake::default();
    host.store(&[document("d", "old", 300)]).unwrap();
    let new = [document("d", "new", 3_000)];
    host.store(&new).unwrap();
    assert_eq!(host.texts("d"), texts(&new[0]));
    assert!(host.removals.borrow().is_empty());
}

#[test]
fn a_new_document_that_cannot_be_stored_leaves_nothing_behind() {
    let long = || [document("d", "word", 150_000), document("e", "word", 20)];
    let busy = Fake::default();
    busy.embeds_until_busy.set(Some(10));
    assert!(matches!(busy.store(&long()), Err(Failure::Overloaded { retry_after_ms: 700 })));
    assert!(busy.seen.borrow().len() >= 2, "it had begun");
    let down = Fake::default();
    down.upserts_until_down.set(Some(1));
    assert!(matches!(down.store(&long()), Err(Failure::Unavailable)));
    for host in [busy, down] {
        assert!(host.passages.borrow().is_empty());
        host.embeds_until_busy.set(None);
        host.upserts_until_down.set(None);
        host.store(&long()).unwrap();
        assert_eq!(host.texts("d"), texts(&long()[0]));
    }
}

#[test]
fn where_nobody_can_say_whether_the_session_is_there_only_new_documents_go_again() {
    let host = Fake::default();
    host.store(&[document("d", "old", 400)]).unwrap();
    let both = [document("d", "new", 600), document("e", "new", 20)];
    host.sessions_are_down.set(true);
    assert!(matches!(host.store(&both), Err(Failure::Unavailable)));
    assert_eq!(host.texts("d"), texts(&both[0]));
    assert!(host.texts("e").is_empty());
}

#[test]
fn a_document_of_one_step_that_cannot_be_replaced_stays_as_it_was() {
    let old = [document("d", "old", 40_000)];
    for (embeds, upserts) in [(Some(1), None), (None, Some(0))] {
        let host = Fake::default();
        host.store(&old).unwrap();
        host.embeds_until_busy.set(embeds);
        host.upserts_until_down.set(upserts);
        assert!(host.store(&[document("d", "new", 30_000), document("e", "new", 20)]).is_err());
        assert_eq!(host.texts("d"), texts(&old[0]));
        assert!(host.texts("e").is_empty());
    }
}

#[test]
fn a_large_document_that_is_replaced_half_way_has_no_holes_and_the_next_try_mends_it() {
    let host = Fake::default();
    host.store(&[document("d", "old", 150_000)]).unwrap();
    let before = host.texts("d").len();
    let new = [document("d", "new", 120_000)];
    host.embeds_until_busy.set(Some(9));
    assert!(host.store(&new).is_err());
    assert_eq!(host.texts("d").len(), before);
    let words: BTreeSet<_> = host.texts("d").iter().map(|text| text[..3].to_owned()).collect();
    assert_eq!(words.len(), 2, "both are there");
    host.embeds_until_busy.set(None);
    host.store(&new).unwrap();
    assert_eq!(host.texts("d"), texts(&new[0]));
}

#[test]
fn an_old_rest_that_cannot_be_removed_is_told_and_goes_with_the_next_try() {
    let host = Fake::default();
    host.store(&[document("d", "old", 4_000)]).unwrap();
    let new = [document("d", "new", 400)];
    host.removes_fail.set(true);
    assert!(matches!(host.store(&new), Err(Failure::Unavailable)));
    assert_eq!(host.texts("d")[..new[0].chunks.len()], texts(&new[0]));
    host.removes_fail.set(false);
    host.store(&new).unwrap();
    assert_eq!(host.texts("d"), texts(&new[0]));
}
