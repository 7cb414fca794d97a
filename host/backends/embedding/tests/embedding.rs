//! The promises of the embedder, with the real model.
#![expect(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corral_embedding::{Config, Embedder, Embeddings, Error, Purpose};

const DIMENSIONS: usize = 384;

#[tokio::test]
async fn a_text_becomes_384_values_of_length_one() {
    let embedder = start();
    let embeddings = embed(&embedder, &["A horse stands in the corral.", ""]).await;
    assert_eq!(embedder.name(), "all-minilm-l6-v2");
    assert_eq!((embedder.dimensions(), embeddings.dimensions), (384, 384));
    assert_eq!(embedder.max_tokens(), 256);
    assert!(embeddings.truncated.is_empty());
    for vector in vectors(&embeddings) {
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-5);
    }
}

/// The reference was computed from the model's published weights in double precision, without ONNX.
#[tokio::test]
async fn vectors_are_those_of_the_published_model() {
    #[derive(serde::Deserialize)]
    struct Reference {
        text: String,
        vector: Vec<f32>,
    }
    let references: Vec<Reference> = serde_json::from_str(include_str!("reference.json")).unwrap();
    let texts: Vec<_> = references.iter().map(|reference| reference.text.as_str()).collect();
    let embeddings = embed(&start(), &texts).await;
    for (reference, vector) in references.iter().zip(vectors(&embeddings)) {
        let cosine = cosine(&reference.vector, vector);
        assert!(cosine > 0.997, "{}: {cosine}", reference.text);
    }
}

#[tokio::test]
async fn similar_texts_are_nearer_than_others() {
    let texts =
        ["How do I feed a horse?", "Hay and oats are what horses eat.", "The bank raised its interest rate."];
    let embeddings = embed(&start(), &texts).await;
    let [question, near, far] = vectors(&embeddings)[..] else { panic!("three vectors") };
    assert!(cosine(question, near) > cosine(question, far) + 0.2);
}

#[tokio::test]
async fn a_vector_is_the_same_alone_and_among_others_and_order_is_kept() {
    let embedder = start();
    let texts: Vec<String> =
        (0..48).map(|n| format!("Number {n}. {}", "A longer story. ".repeat(n * 7 % 23))).collect();
    let together = embed(&embedder, &texts).await;
    for (text, vector) in texts.iter().zip(vectors(&together)) {
        let alone = embed(&embedder, &[text]).await;
        let cosine = cosine(&alone.values, vector);
        assert!(cosine > 0.9999, "{text}: {cosine}");
    }
}

/// Whoever they share a batch with, and whichever copy of the model runs them. The same to the last bit where this
/// was written; other processors' kernels may round by the shape of a batch.
#[tokio::test]
async fn two_hundred_calls_at_once_get_the_vectors_that_they_would_get_alone() {
    let embedder = Embedder::start(Config { queue: 200, ..config() }).unwrap();
    let text = |n: usize| format!("Number {n}. {}", "A longer story. ".repeat(n * 7 % 13));
    let calls: Vec<_> = (0..200)
        .map(|n| {
            let embedder = embedder.clone();
            let purpose = if n % 10 == 0 { Purpose::Document } else { Purpose::Query };
            tokio::spawn(async move { embedder.embed(vec![text(n)], purpose, soon()).await.unwrap() })
        })
        .collect();
    let mut together = Vec::new();
    for call in calls {
        together.push(call.await.unwrap().values);
    }
    for (n, together) in together.iter().enumerate() {
        let alone = embed(&embedder, &[text(n)]).await.values;
        let difference = alone.iter().zip(together).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-6, "{}: {difference}", text(n));
    }
}

#[tokio::test]
async fn texts_are_cut_at_256_pieces_and_it_is_said_which() {
    let embedder = start();
    let words = |count| "horse ".repeat(count);
    let (fits, over, far_over) = (words(254), words(255), words(5000));
    let embeddings = embed(&embedder, &["short", &far_over, &fits, &over]).await;
    assert_eq!(embeddings.truncated, [1, 3], "254 pieces and two markers fit");
    let vectors = vectors(&embeddings);
    assert!(cosine(vectors[2], vectors[3]) > 0.9999);
    assert!(cosine(vectors[2], vectors[1]) > 0.9999);
    assert_eq!(embedder.count_tokens(vec![fits, over]).await.unwrap(), [254, 255]);
}

#[tokio::test]
async fn pieces_are_counted_without_markers_and_without_a_limit() {
    let texts = ["", "Hello, world!", "embeddings", &"horse ".repeat(3000)].map(String::from);
    assert_eq!(start().count_tokens(texts.into()).await.unwrap(), [0, 4, 4, 3000]);
}

#[tokio::test]
async fn no_texts_are_no_vectors() {
    let embedder = start();
    assert_eq!(embed::<&str>(&embedder, &[]).await.values, [0.0; 0]);
    assert!(embedder.count_tokens(Vec::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn too_many_or_too_long_texts_are_refused_and_it_is_said_which() {
    let embedder = start();
    let many = embedder.embed(vec![String::new(); 257], Purpose::Query, soon()).await;
    assert!(matches!(many, Err(Error::InvalidArgument(what)) if what.contains("257")));
    let long = embedder.embed(vec!["ok".into(), "x".repeat((1 << 20) + 1)], Purpose::Query, soon()).await;
    assert!(matches!(long, Err(Error::InvalidArgument(what)) if what.contains("text 1")));
    let counted = embedder.count_tokens(vec![String::new(); 4097]).await;
    assert!(matches!(counted, Err(Error::InvalidArgument(what)) if what.contains("4097")));
}

#[tokio::test]
async fn a_full_queue_refuses_and_says_when_to_return() {
    let embedder = Embedder::start(Config { queue: 1, ..config() }).unwrap();
    let busy = begin(&embedder, Purpose::Document).await;
    let refused = embedder.embed(vec!["one more".into()], Purpose::Document, soon()).await;
    let Err(Error::Overloaded { retry_after }) = refused else { panic!("{refused:?}") };
    assert!((Duration::from_millis(100)..=Duration::from_secs(30)).contains(&retry_after));
    busy.abort();
}

#[tokio::test]
async fn a_query_does_not_wait_for_an_ingestion() {
    let embedder = Embedder::start(Config { queue: 1, ..config() }).unwrap();
    let busy = begin(&embedder, Purpose::Document).await;
    embed(&embedder, &["What is fed to horses?"]).await;
    assert!(!busy.is_finished());
    busy.abort();
}

#[tokio::test]
async fn the_deadline_is_kept_and_frees_the_model() {
    let embedder = start();
    let start = Instant::now();
    let late = embedder.embed(long_texts(), Purpose::Query, start + Duration::from_millis(200)).await;
    assert!(matches!(late, Err(Error::Deadline)));
    assert!(start.elapsed() < Duration::from_secs(2));
    freed(&embedder).await;
}

#[tokio::test]
async fn dropping_the_call_cancels_it() {
    let embedder = Embedder::start(Config { queue: 1, ..config() }).unwrap();
    let busy = begin(&embedder, Purpose::Query).await;
    busy.abort();
    freed(&embedder).await;
}

#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    for config in [
        Config { model: empty.path().into(), ..config() },
        Config { runtime: empty.path().join("libonnxruntime.so"), ..config() },
    ] {
        let Err(Error::Load(message)) = Embedder::start(config) else { panic!("it started") };
        assert!(message.contains(empty.path().to_str().unwrap()), "{message}");
        assert!(message.contains("make setup"), "{message}");
    }
}

/// The documents' copy of the model is loaded with the first of them.
#[tokio::test]
async fn documents_never_get_vectors_of_another_model_than_queries() {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(config().model).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let embedder = Embedder::start(Config { model: folder.path().into(), ..config() }).unwrap();
    let document = || embedder.embed(vec!["A Horse".into()], Purpose::Document, soon());
    let path = folder.path().join("tokenizer.json");
    let tokenizer = std::fs::read_to_string(&path).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&tokenizer).unwrap();
    other["normalizer"]["lowercase"] = false.into();
    std::fs::write(&path, other.to_string()).unwrap();
    assert!(matches!(document().await, Err(Error::Load(what)) if what.contains("changed")));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(document().await, Err(Error::Load(what)) if what.contains("tokenizer.json")));
    std::fs::write(&path, tokenizer).unwrap();
    assert_eq!(document().await.unwrap(), embed(&embedder, &["A Horse"]).await);
}

/// Waits until the queries' model is free: far sooner than what it was at would have taken.
async fn freed(embedder: &Embedder) {
    let start = Instant::now();
    while embedder.embed(vec!["next".into()], Purpose::Query, soon()).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(3), "the dropped call still holds the model");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(3), "the dropped call held the model");
}

/// Starts many seconds of work and waits until the model is at it.
async fn begin(embedder: &Embedder, purpose: Purpose) -> tokio::task::JoinHandle<Result<Embeddings, Error>> {
    let embedder = embedder.clone();
    let busy = tokio::spawn(async move { embedder.embed(long_texts(), purpose, soon()).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    busy
}

fn long_texts() -> Vec<String> {
    vec!["Horses stand in the corral and wait for hay. ".repeat(25); 256]
}

async fn embed<T: AsRef<str>>(embedder: &Embedder, texts: &[T]) -> Embeddings {
    let texts = texts.iter().map(|text| text.as_ref().to_owned()).collect();
    embedder.embed(texts, Purpose::Query, soon()).await.unwrap()
}

fn vectors(embeddings: &Embeddings) -> Vec<&[f32]> {
    embeddings.values.chunks(DIMENSIONS).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn start() -> Embedder {
    Embedder::start(config()).unwrap()
}

fn config() -> Config {
    let corral = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.corral"));
    let model: PathBuf = corral.join("models/all-minilm-l6-v2");
    assert!(model.is_dir(), "the models are not here: run `make setup` first");
    Config { model, runtime: corral.join("lib/libonnxruntime.so"), ..Config::default() }
}
