//! ChromaDB keeps what every store promises, and what a server has to beyond that.
//!
//! One real server is shared by the tests of this file, with a collection for each.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its parts too")]

#[path = "chroma/failures.rs"]
mod failures;
#[path = "chroma/hostile.rs"]
mod hostile;
#[path = "chroma/models.rs"]
mod models;
#[path = "chroma/python.rs"]
mod python;
#[path = "chroma/settings.rs"]
mod settings;
#[path = "chroma/sources.rs"]
mod sources;

mod conformance;

use conformance::{ids, item, model};
use corral_services::Chroma;
use corral_vectors::{Backend, Config, Error, Item, Model, Record, Vectors};
use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};
use tokio::sync::OnceCell;

conformance::suite!(new_store);

/// Ends with the process.
static SERVER: OnceCell<Chroma> = OnceCell::const_new();

async fn server() -> &'static Chroma {
    SERVER.get_or_init(|| async { Chroma::start().await.unwrap() }).await
}

async fn new_store(model: Model) -> (Vectors, ()) {
    (open(&new_collection().await, model).await.unwrap(), ())
}

/// A collection on the shared server that no other test has.
async fn new_collection() -> Config {
    collection_at(&server().await.url())
}

fn collection_at(url: &str) -> Config {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let collection = format!("tests-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    Config { backend: Backend::Chroma, url: Some(url.to_owned()), collection, ..Config::default() }
}

async fn open(config: &Config, model: Model) -> Result<Vectors, Error> {
    Vectors::open(config, Path::new("/nonexistent/corral.db"), model).await
}

fn noise(seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..64).map(|_| next()).collect()
}

#[tokio::test]
async fn three_thousand_passages_are_found_exactly() {
    let (vectors, ()) = new_store(Model { name: "noise".to_owned(), dimensions: 64 }).await;
    let numbered =
        |number: u64| Item { embedding: noise(number + 1), ..item(&format!("{number:04}"), [0.0; 2]) };
    for thousand in 0..3 {
        let items = (thousand * 1000..(thousand + 1) * 1000).map(numbered);
        vectors.upsert("p", items.collect()).await.unwrap();
        vectors.upsert("q", vec![numbered(9000 + thousand)]).await.unwrap();
    }
    assert_eq!(vectors.count("p").await.unwrap(), 3000);
    let question = noise(0);
    let length = |values: &[f32]| values.iter().map(|value| value * value).sum::<f32>().sqrt();
    let cosine = |other: &[f32]| {
        let dot: f32 = question.iter().zip(other).map(|(one, other)| one * other).sum();
        dot / length(&question) / length(other)
    };
    let mut expected: Vec<_> =
        (0..3000).map(|number| (1.0 - cosine(&noise(number + 1)), format!("{number:04}"))).collect();
    expected.sort_by(|one, other| one.0.total_cmp(&other.0));
    let hits = vectors.query("p", question.clone(), 100).await.unwrap();
    assert_eq!(hits.len(), 100);
    for (hit, (distance, id)) in hits.iter().zip(&expected) {
        assert_eq!(&hit.passage.id, id);
        assert!((hit.distance - distance).abs() < 1e-5, "{} for {distance}", hit.distance);
    }
    assert_eq!(vectors.delete_partition("p").await.unwrap(), 3000);
    assert_eq!(vectors.count("q").await.unwrap(), 3);
}

#[tokio::test]
async fn an_embedding_of_zeros_is_at_one_from_everything() {
    let (vectors, ()) = new_store(model()).await;
    vectors.upsert("p", vec![item("zeros", [0.0, 0.0]), item("same", [1.0, 0.0])]).await.unwrap();
    let hits = vectors.query("p", vec![1.0, 0.0], 10).await.unwrap();
    assert_eq!((hits[1].passage.id.as_str(), hits[1].distance), ("zeros", 1.0));
    let hits = vectors.query("p", vec![0.0, 0.0], 10).await.unwrap();
    assert_eq!(hits.iter().map(|hit| hit.distance).collect::<Vec<_>>(), [1.0, 1.0]);
}

#[tokio::test]
async fn an_export_goes_on_in_another_opening() {
    let config = new_collection().await;
    let vectors = open(&config, model()).await.unwrap();
    let items: Vec<_> = ["a", "b", "c"].iter().map(|id| item(id, [1.0, 0.0])).collect();
    vectors.upsert("p", items).await.unwrap();
    let first = vectors.export(None, 2).await.unwrap();
    let second = open(&config, model()).await.unwrap().export(first.next.as_deref(), 2).await.unwrap();
    assert_eq!((first.records.len(), second.records.len(), second.next), (2, 1, None));
}

#[tokio::test]
async fn large_passages_are_written_in_parts() {
    let config = new_collection().await;
    let vectors = open(&config, model()).await.unwrap();
    // As JSON six times as long, 48 MB in all: more than the server takes at once.
    let large =
        |number: u32| Item { text: "\u{1}".repeat(1 << 20), ..item(&format!("{number:02}"), [1.0, 0.0]) };
    let records = (0..8).map(|number| Record { partition: "p".to_owned(), item: large(number) });
    vectors.import(records.collect()).await.unwrap();
    let one = vectors.list("p", None, Some("06".to_owned()), 1).await.unwrap();
    assert_eq!((ids(&one), one[0].text.len()), (vec!["07"], 1 << 20));
}
