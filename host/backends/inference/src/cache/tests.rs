//! Who finds what, and what goes when there is no room.

use super::*;

fn tokens(ids: &[i32]) -> Vec<LlamaToken> {
    ids.iter().copied().map(LlamaToken).collect()
}

fn owner(id: &str) -> Owner {
    Owner::Client(id.into())
}

fn entry(reader: Reader, ids: &[i32]) -> Entry<()> {
    Entry { reader, adapter: None, tokens: tokens(ids), state: (), bytes: 10 }
}

fn of(id: &str, ids: &[i32]) -> Entry<()> {
    entry(Reader::Owner(owner(id)), ids)
}

fn session(id: &str, ids: &[i32]) -> Entry<()> {
    entry(Reader::Owner(Owner::Session(id.into())), ids)
}

fn common_of(cache: &Cache<()>, id: &str, ids: &[i32]) -> usize {
    cache.find(Some(&owner(id)), None, &tokens(ids)).map_or(0, |found| found.common)
}

#[test]
fn an_owner_finds_the_longest_beginning_of_its_own_alone() {
    let mut cache = Cache::new(100);
    cache.put(of("a", &[1, 2, 9, 9]));
    cache.put(of("a", &[1, 2, 3]));
    cache.put(of("b", &[1, 2, 3, 4]));
    assert_eq!(common_of(&cache, "a", &[1, 2, 3, 4]), 3);
    assert_eq!(common_of(&cache, "c", &[1, 2, 3, 4]), 0);
    assert_eq!(cache.find(None, None, &tokens(&[1, 2, 3, 4])), None);
    assert_eq!(cache.find(Some(&owner("a")), Some(0), &tokens(&[1, 2, 3])), None, "another adapter's");
    assert_eq!(cache.find(Some(&Owner::Session("a".into())), None, &tokens(&[1, 2, 3])), None, "no client");
}

#[test]
fn a_system_prompt_serves_everyone_as_a_whole_only() {
    let mut cache = Cache::new(100);
    cache.put(entry(Reader::Everyone, &[1, 2, 3]));
    assert_eq!(common_of(&cache, "a", &[1, 2, 3, 7]), 3);
    assert_eq!(cache.find(None, None, &tokens(&[1, 2, 3, 7])).unwrap().common, 3);
    assert_eq!(common_of(&cache, "a", &[1, 2, 7]), 0, "how it begins is not told");
    assert!(cache.shares(None, &tokens(&[1, 2, 3])) && !cache.shares(None, &tokens(&[1, 2])));
    let found = cache.find(None, None, &tokens(&[1, 2, 3])).unwrap();
    cache.take(found);
    assert_eq!(common_of(&cache, "a", &[1, 2, 3]), 3, "it stays");
}

#[test]
fn what_goes_on_in_a_slot_leaves_and_what_branches_stays() {
    let mut cache = Cache::new(100);
    cache.put(of("a", &[1, 2, 3, 4, 5, 6]));
    let branch = cache.find(Some(&owner("a")), None, &tokens(&[1, 2, 7])).unwrap();
    assert_eq!(cache.take(branch).tokens.len(), 6);
    assert_eq!(cache.bytes(), 10);
    let same = cache.find(Some(&owner("a")), None, &tokens(&[1, 2, 3, 4, 5, 6, 7])).unwrap();
    cache.take(same);
    assert_eq!((cache.bytes(), common_of(&cache, "a", &[1, 2])), (0, 0));
}

#[test]
fn the_least_recently_used_goes_first() {
    let mut cache = Cache::new(30);
    for id in ["a", "b", "c"] {
        cache.put(of(id, &[1, 2, 3]));
    }
    // It branches off, and stays as the most recent one.
    let branch = cache.find(Some(&owner("a")), None, &tokens(&[1, 7])).unwrap();
    assert_eq!(branch.common, 1);
    cache.take(branch);
    cache.put(of("d", &[1]));
    assert_eq!(cache.owners().into_iter().collect::<Vec<_>>(), ["a", "c", "d"].map(owner));
    assert_eq!(cache.bytes(), 30);
    let large = Entry { bytes: 31, ..of("e", &[1]) };
    assert!(!cache.holds(large.bytes));
    cache.put(large);
    assert_eq!(cache.bytes(), 30, "nobody makes room for what does not fit at all");
}

#[test]
fn a_longer_state_takes_the_place_of_what_it_continues() {
    let mut cache = Cache::new(100);
    cache.put(of("a", &[1, 2]));
    cache.put(of("a", &[1, 2, 3]));
    cache.put(of("a", &[1, 9]));
    assert_eq!(cache.bytes(), 20);
}

#[test]
fn a_session_is_one_conversation() {
    let mut cache = Cache::new(100);
    cache.put(session("a", &[1, 2, 3, 4]));
    cache.put(session("a", &[1, 2, 9]));
    assert_eq!(cache.bytes(), 10);
    let found = cache.find(Some(&Owner::Session("a".into())), None, &tokens(&[1, 7])).unwrap();
    cache.take(found);
    assert_eq!(cache.bytes(), 0, "it goes on in its slot");
}

#[test]
fn what_is_forgotten_or_left_alone_is_gone() {
    let mut cache = Cache::new(100);
    cache.put(of("a", &[1, 2]));
    cache.put(of("b", &[1, 2]));
    cache.put(session("a", &[1, 2]));
    cache.forget(&owner("a"));
    assert_eq!(common_of(&cache, "a", &[1, 2]), 0);
    cache.put(entry(Reader::Everyone, &[3, 4]));
    cache.expire(Duration::from_secs(3600));
    assert_eq!(cache.bytes(), 30, "nothing is so old");
    cache.expire(Duration::ZERO);
    assert_eq!(cache.owners().into_iter().collect::<Vec<_>>(), [Owner::Session("a".into())]);
    assert_eq!(cache.bytes(), 10);
}
