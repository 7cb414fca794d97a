//! Files from before there were terms, and what deleting leaves.

use super::*;
use crate::{Entry, Item, Model};
use std::path::Path;

fn model() -> Model {
    Model { name: "compass".to_owned(), dimensions: 2 }
}

async fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("corral.db"), "documents", model()).await.unwrap()
}

fn item(number: usize, text: &str) -> Item {
    let metadata = vec![Entry { key: "document".to_owned(), value: (number % 2).to_string() }];
    Item { id: format!("{number:04}"), text: text.to_owned(), embedding: vec![1.0, 0.0], metadata }
}

fn run(folder: &tempfile::TempDir, statements: &str) {
    connection(folder.path()).execute_batch(statements).unwrap();
}

fn rows(folder: &tempfile::TempDir, table: &str) -> u32 {
    let count = format!("SELECT count(*) FROM {table}");
    connection(folder.path()).query_row(&count, (), |row| row.get(0)).unwrap()
}

fn connection(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("corral.db")).unwrap()
}

/// As the version before terms leaves a file.
const BEFORE_TERMS: &str = "DROP TABLE vector_terms; DROP TABLE vector_unread;
    UPDATE schema_versions SET version = 1 WHERE part = 'vectors'";

#[tokio::test]
async fn passages_of_an_older_file_are_found_by_their_words() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    for batch in 0..3 {
        let items = (0..900).map(|one| item(batch * 900 + one, "the heron"));
        store.upsert("p", items.collect()).await.unwrap();
    }
    store.upsert("p", vec![item(9999, "a pond")]).await.unwrap();
    let before = store.lexical("p", "pond heron", 100).await.unwrap();
    drop(store);
    run(&folder, BEFORE_TERMS);
    let store = open(&folder).await;
    assert_eq!(store.lexical("p", "pond heron", 100).await.unwrap(), before);
    assert_eq!(before[0].passage.id, "9999");
    assert_eq!((rows(&folder, "vector_terms"), rows(&folder, "vector_unread")), (2701, 0));
}

#[tokio::test]
async fn reading_an_older_file_goes_on_where_it_was_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    store.upsert("p", (0..10).map(|number| item(number, "the heron")).collect()).await.unwrap();
    drop(store);
    run(
        &folder,
        "INSERT INTO vector_unread SELECT key FROM vector_passages WHERE id >= '0004';
         DELETE FROM vector_terms WHERE key IN (SELECT key FROM vector_unread);
         DELETE FROM vector_passages WHERE id = '0009'",
    );
    let store = open(&folder).await;
    assert_eq!(store.lexical("p", "heron", 100).await.unwrap().len(), 9);
    assert_eq!(rows(&folder, "vector_unread"), 0);
}

#[tokio::test]
async fn a_text_longer_than_a_step_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let long = "heron pond ".repeat(90_000);
    for number in 0..6 {
        store.upsert("p", vec![item(number, &long)]).await.unwrap();
    }
    drop(store);
    run(&folder, BEFORE_TERMS);
    assert_eq!(open(&folder).await.lexical("p", "heron", 100).await.unwrap().len(), 6);
}

#[tokio::test]
async fn nothing_of_deleted_words_stays_in_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    store.upsert("p", (0..4).map(|number| item(number, "the heron")).collect()).await.unwrap();
    store.upsert("p", (0..4).map(|number| item(number, "a pond")).collect()).await.unwrap();
    assert_eq!(rows(&folder, "vector_terms"), 4);
    store.delete("p", Entry { key: "document".to_owned(), value: "0".to_owned() }).await.unwrap();
    assert_eq!(rows(&folder, "vector_terms"), 2);
    store.remove("p", vec!["0001".to_owned()]).await.unwrap();
    assert_eq!(rows(&folder, "vector_terms"), 1);
    store.delete_partition("p").await.unwrap();
    assert_eq!(rows(&folder, "vector_terms"), 0);
}
