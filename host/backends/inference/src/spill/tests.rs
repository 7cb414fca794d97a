//! What is on the disk, for how long, and that nobody else can read or change it.

#![expect(unsafe_code, reason = "no llama.cpp ever sees these states")]

use std::time::{Duration, Instant};

use super::*;
use crate::cache::Reader;

const CANARY: &[u8] = b"the horse is called Quillfeather";

fn state() -> Arc<State> {
    // SAFETY: nothing reads it as a state.
    Arc::new(unsafe { State::from_bytes(CANARY.repeat(100)) })
}

fn tokens() -> Vec<LlamaToken> {
    (0..9).map(LlamaToken).collect()
}

fn owner(id: &str) -> Owner {
    Owner::Session(id.into())
}

fn entry(id: &str) -> Entry<Arc<State>> {
    let state = state();
    let bytes = state.bytes().len();
    Entry { reader: Reader::Owner(owner(id)), adapter: None, tokens: tokens(), state, bytes }
}

fn files(spill: &Spill) -> Vec<PathBuf> {
    let entries = fs::read_dir(&spill.vault.folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with(LOCK)).collect()
}

/// Waits until every state is on the disk.
fn settle(spill: &Spill, count: usize) {
    let whole = |path: &PathBuf| path.metadata().is_ok_and(|data| data.len() > (CANARY.len() * 100) as u64);
    soon(|| files(spill).iter().filter(|path| whole(path)).count() == count);
}

/// Waits until it is so.
fn soon(mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !so() {
        assert!(Instant::now() < end, "not within ten seconds");
        thread::yield_now();
    }
}

#[test]
fn a_state_comes_back_from_the_disk_and_leaves_nothing_there() {
    let parent = tempfile::tempdir().unwrap();
    let mut spill = Spill::open(parent.path(), 1 << 20).unwrap();
    spill.put(entry("a"));
    settle(&spill, 1);
    let written = fs::read(&files(&spill)[0]).unwrap();
    assert!(!written.windows(CANARY.len()).any(|window| window == CANARY), "it is readable");
    let found = spill.find(Some(&owner("a")), None, &tokens()).unwrap();
    assert_eq!(spill.take(found).unwrap().state, state());
    settle(&spill, 0);
    spill.put(entry("a"));
    let found = spill.find(Some(&owner("a")), None, &tokens()).unwrap();
    assert_eq!(spill.take(found).unwrap().state, state(), "on its way or there");
    drop(spill);
    // The folder goes with the last one who knows it, which may be the thread that writes.
    soon(|| fs::read_dir(parent.path()).unwrap().next().is_none());
}

#[test]
fn what_was_changed_on_the_disk_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let mut spill = Spill::open(parent.path(), 1 << 20).unwrap();
    spill.put(entry("a"));
    settle(&spill, 1);
    let [path] = &files(&spill)[..] else { panic!() };
    // Not before the thread has let go of the state.
    let found = spill.find(Some(&owner("a")), None, &tokens()).unwrap();
    soon(|| matches!(*spill.index.peek(found).state.place(), Place::Disk));
    let mut bytes = fs::read(path).unwrap();
    bytes[7] ^= 1;
    fs::write(path, bytes).unwrap();
    assert!(spill.take(found).unwrap_err().to_string().contains("changed"));
}

#[test]
fn what_the_disk_does_not_take_is_gone_and_not_kept_in_memory() {
    let parent = tempfile::tempdir().unwrap();
    let mut spill = Spill::open(parent.path(), 1 << 20).unwrap();
    // Where the first state would be, there is something.
    fs::write(spill.vault.path(1), "in the way").unwrap();
    let lose = |id: &str, spill: &mut Spill| {
        let lost = entry(id);
        let state = Arc::downgrade(&lost.state);
        spill.put(lost);
        soon(|| state.upgrade().is_none());
        soon(|| spill.find(Some(&owner(id)), None, &tokens()).is_none());
        assert_eq!(spill.bytes(), 0);
    };
    lose("a", &mut spill);
    assert!(files(&spill).is_empty(), "a part of a state is of no use");
    fs::remove_dir_all(&spill.vault.folder).unwrap();
    lose("b", &mut spill);
}

#[test]
fn what_is_forgotten_leaves_the_disk() {
    let parent = tempfile::tempdir().unwrap();
    let mut spill = Spill::open(parent.path(), 1 << 20).unwrap();
    for id in ["a", "b"] {
        spill.put(entry(id));
    }
    settle(&spill, 2);
    spill.forget(&owner("a"));
    settle(&spill, 1);
    assert_eq!(spill.index.owners().into_iter().collect::<Vec<_>>(), [owner("b")]);
}

#[test]
fn the_disk_holds_no_more_than_it_may() {
    let parent = tempfile::tempdir().unwrap();
    let one = CANARY.len() * 100;
    let mut spill = Spill::open(parent.path(), one + one / 2).unwrap();
    for id in ["a", "b"] {
        spill.put(entry(id));
    }
    assert_eq!(spill.bytes(), one);
    settle(&spill, 1);
    let mut none = Spill::open(parent.path(), one - 1).unwrap();
    none.put(entry("a"));
    assert_eq!(none.bytes(), 0);
}

#[test]
fn folders_that_were_left_behind_are_removed_and_those_in_use_are_not() {
    let parent = tempfile::tempdir().unwrap();
    let used = Spill::open(parent.path(), 1).unwrap();
    let left = parent.path().join("engine-0123");
    fs::create_dir(&left).unwrap();
    fs::write(left.join(LOCK), "").unwrap();
    fs::create_dir(parent.path().join("photographs")).unwrap();
    let _other = Spill::open(parent.path(), 1).unwrap();
    assert!(used.vault.folder.exists() && !left.exists() && parent.path().join("photographs").exists());
}
