//! Moves between embedded stores, and between a store and one that misbehaves.

use super::{
    bar::Bar,
    pair::Pair,
    report::Report,
    state::{Progress, State},
    store::{Page, Record, Source, Store, Trouble},
};
use std::{cell::RefCell, collections::BTreeMap};

/// A store of numbers under names, which can change while it is read.
#[derive(Default)]
struct Shelf {
    kept: RefCell<BTreeMap<String, u8>>,
    /// What happens to it after its next page was read.
    after_page: RefCell<Vec<(String, Option<u8>)>>,
    /// What cannot be read, on each page.
    unread: Vec<(String, String)>,
    /// Names that it does not take.
    refused: Vec<String>,
    /// How much each page leaves out.
    skipped: u64,
    /// Calls that fail before one succeeds.
    away: RefCell<u32>,
    pages: RefCell<u32>,
}

#[derive(Debug, Clone, PartialEq)]
struct Number {
    name: String,
    value: u8,
}

impl Shelf {
    fn of(values: &[(&str, u8)]) -> Self {
        let kept = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Self { kept: RefCell::new(kept), ..Self::default() }
    }

    fn values(&self) -> Vec<(String, u8)> {
        self.kept.borrow().clone().into_iter().collect()
    }
}

impl Record for Number {
    fn key(&self) -> String {
        self.name.clone()
    }

    fn digest(&self) -> [u8; 32] {
        let mut digest = [self.value; 32];
        digest[..self.name.len()].copy_from_slice(self.name.as_bytes());
        digest
    }
}

impl Source for Shelf {
    type Record = Number;

    async fn page(&self, cursor: Option<&str>, limit: u32) -> Result<Page<Number>, Trouble> {
        if *self.away.borrow() > 0 {
            *self.away.borrow_mut() -= 1;
            return Err(Trouble::Passing("away".to_owned()));
        }
        *self.pages.borrow_mut() += 1;
        let after = cursor.unwrap_or_default();
        let kept = self.kept.borrow().clone();
        let records: Vec<_> = kept
            .into_iter()
            .filter(|(name, _)| name.as_str() > after)
            .take(limit as usize)
            .map(|(name, value)| Number { name, value })
            .collect();
        for (name, value) in self.after_page.take() {
            match value {
                Some(value) => self.kept.borrow_mut().insert(name, value),
                None => self.kept.borrow_mut().remove(&name),
            };
        }
        let next = (records.len() == limit as usize).then(|| records[records.len() - 1].name.clone());
        Ok(Page { records, unread: self.unread.clone(), next, skipped: self.skipped })
    }

    async fn read(&self, records: &[Number]) -> Result<Vec<Option<Number>>, Trouble> {
        let kept = self.kept.borrow();
        let one = |record: &Number| Some(Number { value: *kept.get(&record.name)?, ..record.clone() });
        Ok(records.iter().map(one).collect())
    }

    async fn total(&self) -> Result<Option<u64>, Trouble> {
        Ok(None)
    }
}

impl Store for Shelf {
    async fn write(&self, records: Vec<Number>) -> Result<(), Trouble> {
        if records.iter().any(|record| self.refused.contains(&record.name)) {
            return Err(Trouble::Lasting("not that one".to_owned()));
        }
        self.kept.borrow_mut().extend(records.into_iter().map(|record| (record.name, record.value)));
        Ok(())
    }

    async fn remove(&self, record: &Number) -> Result<(), Trouble> {
        self.kept.borrow_mut().remove(&record.name);
        Ok(())
    }
}

fn state(folder: &tempfile::TempDir) -> State {
    State::open(folder.path().join("state.json"), Progress::new("numbers", "here", "there")).unwrap()
}

const FIVE: [(&str, u8); 5] = [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)];

#[tokio::test]
async fn all_is_copied_and_both_digests_are_one() {
    let (from, to) = (Shelf::of(&FIVE), Shelf::of(&[("x", 9)]));
    *from.away.borrow_mut() = 1;
    let folder = tempfile::tempdir().unwrap();
    let (mut state, bar) = (state(&folder), Bar::new("numbers", None));
    let pair = Pair { from: &from, to: &to, page: 2, bar: &bar };
    pair.copy(&mut state).await.unwrap();
    let comparison = pair.compare().await.unwrap();
    assert_eq!((state.progress.copied, comparison.count()), (5, 5));
    let (here, there) = comparison.digests();
    assert_eq!(here, there);
    assert_eq!(comparison.only_there, 1);
    assert!(comparison.failed.is_empty());
}

#[tokio::test]
async fn what_changes_or_goes_meanwhile_is_followed_and_counted() {
    let (from, to) = (Shelf::of(&FIVE), Shelf::default());
    let folder = tempfile::tempdir().unwrap();
    let (mut state, bar) = (state(&folder), Bar::new("numbers", None));
    let pair = Pair { from: &from, to: &to, page: 10, bar: &bar };
    pair.copy(&mut state).await.unwrap();
    // After they were copied, and again after the comparison read them.
    from.kept.borrow_mut().insert("a".to_owned(), 100);
    *from.after_page.borrow_mut() = vec![("b".to_owned(), Some(200)), ("a".to_owned(), None)];
    let comparison = pair.compare().await.unwrap();
    assert_eq!((comparison.changed, comparison.gone), (0, 1));
    // What changed after it was compared is found by the next comparison.
    assert_eq!(pair.compare().await.unwrap().changed, 1);
    assert_eq!(from.values(), to.values());
}

#[tokio::test]
async fn one_refused_record_leaves_the_others_be() {
    let (from, to) = (Shelf::of(&FIVE), Shelf { refused: vec!["c".to_owned()], ..Shelf::default() });
    let folder = tempfile::tempdir().unwrap();
    let (mut state, bar) = (state(&folder), Bar::new("numbers", None));
    let pair = Pair { from: &from, to: &to, page: 10, bar: &bar };
    pair.copy(&mut state).await.unwrap();
    let comparison = pair.compare().await.unwrap();
    assert_eq!(to.values().len(), 4);
    assert_eq!(comparison.failed.len(), 1);
    assert_eq!(
        (comparison.failed[0].record.as_str(), comparison.failed[0].reason.as_str()),
        ("c", "not that one")
    );
}

#[tokio::test]
async fn what_is_of_no_session_is_counted_and_the_places_are_not_the_same() {
    let (from, to) = (Shelf { skipped: 2, ..Shelf::of(&FIVE) }, Shelf::default());
    let folder = tempfile::tempdir().unwrap();
    let (mut state, bar) = (state(&folder), Bar::new("numbers", None));
    let pair = Pair { from: &from, to: &to, page: 3, bar: &bar };
    pair.copy(&mut state).await.unwrap();
    let comparison = pair.compare().await.unwrap();
    assert_eq!((comparison.skipped, comparison.count()), (4, 5));
    assert!(!Report::new("numbers", ["here", "there"], &state.progress, comparison).all_well());
    let whole = Pair { from: &to, ..pair }.compare().await.unwrap();
    assert!(Report::new("numbers", ["here", "there"], &state.progress, whole).all_well());
}

#[tokio::test]
async fn what_cannot_be_read_is_named_once_and_leaves_the_others_be() {
    let unread = vec![("odd".to_owned(), "no number".to_owned())];
    let (from, to) = (Shelf { unread, ..Shelf::of(&FIVE) }, Shelf::default());
    let folder = tempfile::tempdir().unwrap();
    let (mut state, bar) = (state(&folder), Bar::new("numbers", None));
    let pair = Pair { from: &from, to: &to, page: 2, bar: &bar };
    pair.copy(&mut state).await.unwrap();
    let comparison = pair.compare().await.unwrap();
    assert_eq!(to.values(), from.values());
    let failed: Vec<_> =
        comparison.failed.iter().map(|failure| (failure.record.as_str(), failure.reason.as_str())).collect();
    assert_eq!(failed, [("odd", "no number")]);
}

#[tokio::test]
async fn a_second_run_goes_on_where_the_first_one_stopped() {
    let (from, to) = (Shelf::of(&FIVE), Shelf::default());
    let folder = tempfile::tempdir().unwrap();
    let bar = Bar::new("numbers", None);
    let pair = Pair { from: &from, to: &to, page: 2, bar: &bar };
    let mut first = state(&folder);
    (first.progress.cursor, first.progress.copied) = (Some("c".to_owned()), 3);
    first.save().unwrap();

    let mut second = state(&folder);
    assert!(second.is_resumed());
    pair.copy(&mut second).await.unwrap();
    assert_eq!(to.values(), [("d".to_owned(), 4), ("e".to_owned(), 5)]);
    assert_eq!(second.progress.copied, 5);
    assert!(second.progress.all_copied);
}
