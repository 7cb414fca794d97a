//! Key-value stores: the file and a real Redis promise the same.
#![expect(clippy::unwrap_used, reason = "a failed call is a failed test")]

use corral_spin::key_value::{Error, Place, Store};
use std::{fs, path::Path, time::Duration};

async fn promises(store: &Store) {
    let text = |value: &str| Some(value.as_bytes().to_vec());
    let none = None::<Vec<u8>>;
    assert_eq!(store.get("colour").await.unwrap(), none, "what is not there is no error");
    store.set(vec![("colour".into(), b"blue".to_vec()), ("empty".into(), Vec::new())]).await.unwrap();
    assert_eq!(store.get("colour").await.unwrap(), text("blue"));
    assert_eq!(store.get("empty").await.unwrap(), text(""));
    assert!(store.exists("empty").await.unwrap() && !store.exists("other").await.unwrap());

    let many = store.get_many(vec!["other".into(), "colour".into()]).await.unwrap();
    assert_eq!(many, [("other".to_owned(), None), ("colour".to_owned(), text("blue"))]);
    let mut keys = store.keys().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["colour", "empty"]);

    assert_eq!(store.increment("count", 5).await.unwrap(), 5);
    assert_eq!(store.increment("count", -7).await.unwrap(), -2);
    assert!(matches!(store.increment("colour", 1).await, Err(Error::NotANumber(key)) if key == "colour"));

    let swapped = store.swap("colour", text("blue"), b"red".to_vec()).await.unwrap();
    assert_eq!(swapped, Ok(()));
    let swapped = store.swap("colour", text("blue"), b"green".to_vec()).await.unwrap();
    assert_eq!(swapped, Err(text("red")), "it tells what is there");
    assert_eq!(store.swap("colour", None, b"green".to_vec()).await.unwrap(), Err(text("red")));
    assert_eq!(store.swap("new", text(""), b"x".to_vec()).await.unwrap(), Err(None));
    assert_eq!(store.swap("new", None, b"x".to_vec()).await.unwrap(), Ok(()));

    store.delete(vec!["colour".into(), "other".into(), "new".into()]).await.unwrap();
    assert_eq!(store.get("colour").await.unwrap(), none);
}

async fn counts_are_not_lost(store: &Store) {
    let counting = (0..40).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.increment("together", 1).await.unwrap() })
    });
    for counted in counting.collect::<Vec<_>>() {
        counted.await.unwrap();
    }
    assert_eq!(store.increment("together", 0).await.unwrap(), 40);
}

#[tokio::test]
async fn a_file_keeps_what_it_promises_and_its_labels_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sqlite_key_value.db");
    let place = Place::file(&path).unwrap();
    promises(&place.store("default")).await;
    counts_are_not_lost(&place.store("default")).await;
    assert_eq!(place.store("other").get("count").await.unwrap(), None);
    drop(place);
    let again = Place::file(&path).unwrap();
    assert_eq!(again.store("default").get("count").await.unwrap(), Some(b"-2".to_vec()));
}

#[tokio::test]
async fn what_is_deleted_leaves_the_file_and_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = Place::file(&folder.path().join("sqlite_key_value.db")).unwrap().store("default");
    let canary = b"a canary that sings in the mine";
    store.set(vec![("canary".into(), canary.repeat(1000))]).await.unwrap();
    assert!(on_disk(folder.path(), canary), "where it would be found");
    store.delete(vec!["canary".into()]).await.unwrap();
    for _ in 0..200 {
        if !on_disk(folder.path(), canary) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("still on the disk");
}

fn on_disk(folder: &Path, text: &[u8]) -> bool {
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text))
}

#[tokio::test]
async fn a_redis_keeps_what_it_promises() {
    let redis = corral_services::Redis::start().await.unwrap();
    let place = Place::redis(&redis.url()).unwrap();
    promises(&place.store("default")).await;
    counts_are_not_lost(&place.store("default")).await;
}
