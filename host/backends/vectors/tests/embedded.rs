//! The embedded store keeps what every store promises, and what a file has to beyond that.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its parts too")]

mod conformance;

use conformance::{all, entry, ids, item, model, with};
use corral_vectors::{Backend, Config, Error, Model, Source, Vectors};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};
use tempfile::TempDir;

conformance::suite!(new_store);

async fn new_store(model: Model) -> (Vectors, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open(&folder, model).await.unwrap(), folder)
}

async fn open(folder: &TempDir, model: Model) -> Result<Vectors, Error> {
    Vectors::open(&Config::default(), &folder.path().join("corral.db"), model).await
}

#[tokio::test]
async fn an_embedding_of_zeros_is_at_one_from_everything() {
    let (vectors, _folder) = new_store(model()).await;
    vectors.upsert("p", vec![item("zeros", [0.0, 0.0]), item("same", [1.0, 0.0])]).await.unwrap();
    let hits = vectors.query("p", vec![1.0, 0.0], 10).await.unwrap();
    assert_eq!((hits[1].passage.id.as_str(), hits[1].distance), ("zeros", 1.0));
    let hits = vectors.query("p", vec![0.0, 0.0], 10).await.unwrap();
    assert_eq!(hits.iter().map(|hit| hit.distance).collect::<Vec<_>>(), [1.0, 1.0]);
}

#[tokio::test]
async fn distances_are_cosine_in_384_dimensions() {
    let model = Model { name: "noise".to_owned(), dimensions: 384 };
    let (vectors, _folder) = new_store(model).await;
    let mut seed = 1_u64;
    let mut noise = || -> Vec<f32> { (0..384).map(|_| next(&mut seed)).collect() };
    let items: Vec<_> = (0..200)
        .map(|number| corral_vectors::Item { embedding: noise(), ..item(&number.to_string(), [0.0; 2]) })
        .collect();
    let question = noise();
    vectors.upsert("p", items.clone()).await.unwrap();
    let mut expected: Vec<_> =
        items.iter().map(|item| (cosine_distance(&question, &item.embedding), &item.id)).collect();
    expected.sort_by(|one, other| one.0.total_cmp(&other.0));
    let hits = vectors.query("p", question, 100).await.unwrap();
    for (hit, (distance, id)) in hits.iter().zip(expected) {
        assert_eq!(hit.passage.id, *id);
        assert!((f64::from(hit.distance) - distance).abs() < 1e-5, "{} for {distance}", hit.distance);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_and_vectors_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("corral.db");
    let config = corral_sessions::Config::default();
    let (sessions, vectors) =
        tokio::join!(corral_sessions::Sessions::open(&config, &file), open(&folder, model()));
    let (sessions, vectors) = (sessions.unwrap(), vectors.unwrap());
    let id = sessions.create().await.unwrap();
    let turns = async {
        for number in 0..100 {
            let turn = corral_sessions::Turn { user: "question".to_owned(), ai: "answer".to_owned() };
            sessions.append(&id, turn, &number.to_string()).await.unwrap();
        }
    };
    let passages = async {
        for number in 0..100 {
            vectors.upsert(&id, vec![item(&number.to_string(), [1.0, 0.0])]).await.unwrap();
        }
    };
    tokio::join!(turns, passages);
    assert_eq!(sessions.get(&id, None).await.unwrap().unwrap().turns, 100);
    assert_eq!(vectors.count(&id).await.unwrap(), 100);
    assert!(sessions.delete(&id).await.unwrap());
    assert_eq!(vectors.delete_partition(&id).await.unwrap(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_openings_of_one_file_lose_no_passage() {
    let folder = tempfile::tempdir().unwrap();
    let both = [open(&folder, model()).await.unwrap(), open(&folder, model()).await.unwrap()];
    let upserts = (0..100).map(|number| {
        let vectors = both[number % 2].clone();
        async move { vectors.upsert("p", vec![item(&number.to_string(), [1.0, 0.0])]).await.unwrap() }
    });
    upserts.collect::<tokio::task::JoinSet<_>>().join_all().await;
    assert_eq!(both[0].count("p").await.unwrap(), 100);
    assert_eq!(all(&both[0], "p").await, all(&both[1], "p").await);
}

#[tokio::test]
async fn what_is_committed_is_there_without_a_closed_file() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = open(&folder, model()).await.unwrap();
    vectors.upsert("p", vec![with(item("x", [1.0, 0.0]), &[("key", "value")])]).await.unwrap();
    // The state that a killed process leaves: the main file, and a log that nobody worked in.
    let left = tempfile::tempdir().unwrap();
    for file in ["corral.db", "corral.db-wal"] {
        fs::copy(folder.path().join(file), left.path().join(file)).unwrap();
    }
    let reopened = open(&left, model()).await.unwrap();
    assert_eq!(all(&reopened, "p").await, all(&vectors, "p").await);
    assert_eq!(
        reopened.query("p", vec![1.0, 0.0], 1).await.unwrap()[0].passage.metadata,
        [entry("key", "value")]
    );
}

#[tokio::test]
async fn another_model_is_refused_with_what_to_do() {
    let (vectors, folder) = new_store(model()).await;
    vectors.upsert("p", vec![item("x", [1.0, 0.0])]).await.unwrap();
    for other in [Model { dimensions: 3, ..model() }, Model { name: "sextant".to_owned(), ..model() }] {
        let refused = open(&folder, other.clone()).await.err().expect("a refusal");
        let advice = refused.to_string();
        assert!(
            advice.contains("vectors.collection") && advice.contains("compass (2 dimensions)"),
            "{advice}"
        );
        let Error::OtherModel { stored, given } = refused else { panic!("{refused:?}") };
        assert_eq!((stored, given), (model(), other));
    }
    assert_eq!(ids(&all(&open(&folder, model()).await.unwrap(), "p").await), ["x"]);
}

#[tokio::test]
async fn collections_do_not_see_each_other() {
    let (vectors, folder) = new_store(model()).await;
    vectors.upsert("p", vec![item("x", [1.0, 0.0])]).await.unwrap();
    let config = Config { collection: "other-documents".to_owned(), ..Config::default() };
    let sextant = Model { name: "sextant".to_owned(), dimensions: 3 };
    let other = Vectors::open(&config, &folder.path().join("corral.db"), sextant).await.unwrap();
    assert_eq!(all(&other, "p").await, []);
    assert_eq!(other.delete_partition("p").await.unwrap(), 0);
    assert_eq!(vectors.count("p").await.unwrap(), 1);
}

#[tokio::test]
async fn nothing_of_a_deleted_passage_stays_in_the_tables() {
    let (vectors, folder) = new_store(model()).await;
    let documents = ["a", "b"].map(|id| with(item(id, [1.0, 0.0]), &[("document", id)]));
    vectors.upsert("p", documents.to_vec()).await.unwrap();
    vectors.delete("p", entry("document", "a")).await.unwrap();
    vectors.delete_partition("p").await.unwrap();
    let file = rusqlite::Connection::open(folder.path().join("corral.db")).unwrap();
    for table in ["vector_passages", "vector_embeddings"] {
        let rows = file.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get::<_, u32>(0));
        assert_eq!(rows.unwrap(), 0, "{table}");
    }
}

#[tokio::test]
async fn a_collection_has_a_name_that_chroma_takes_too() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["", "ab", "-abc", "abc_", "a b c", "größe", &"x".repeat(513)] {
        let config = Config { collection: name.to_owned(), ..Config::default() };
        let refused = Vectors::open(&config, &folder.path().join("corral.db"), model()).await.err();
        assert!(matches!(refused, Some(Error::InvalidArgument(_))), "{name:?}");
    }
}

#[test]
fn settings_are_read_with_defaults_and_unknown_ones_refused() {
    let config: Config = serde_json::from_str("{}").unwrap();
    assert_eq!((config.backend, config.collection.as_str()), (Backend::Embedded, "chat_documents"));
    assert!(serde_json::from_str::<Config>(r#"{"colection": "x"}"#).is_err());
}

#[tokio::test]
async fn an_export_goes_on_in_another_opening() {
    let (vectors, folder) = new_store(model()).await;
    let items: Vec<_> = ["a", "b", "c"].iter().map(|id| item(id, [1.0, 0.0])).collect();
    vectors.upsert("p", items).await.unwrap();
    let first = vectors.export(None, 2).await.unwrap();
    let second = open(&folder, model()).await.unwrap().export(first.next.as_deref(), 2).await.unwrap();
    assert_eq!((first.records.len(), second.records.len(), second.next), (2, 1, None));
    let refused = vectors.export(Some("no cursor"), 2).await;
    assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{refused:?}");
}

#[tokio::test]
async fn a_source_of_an_earlier_version_is_read_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("corral.db");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(include_str!("../src/sqlite/schema-1.sql")).unwrap();
    file.execute_batch(
        r#"CREATE TABLE schema_versions (part TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL);
           INSERT INTO schema_versions VALUES ('vectors', 1);
           INSERT INTO vector_collections VALUES (3, 'chat_documents', 'compass', 2);
           INSERT INTO vector_passages VALUES (5, 3, 'p', 'x', '{"key": "value"}', 'text of x');
           INSERT INTO vector_embeddings VALUES (5, x'0000803f00000000');"#,
    )
    .unwrap();
    file.close().unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let before = fs::read(&path).unwrap();

    let source = source(&path, &Config::default()).await.unwrap();
    assert_eq!((source.model(), source.total().await.unwrap()), (&model(), 1));
    let page = source.export(None, 10).await.unwrap();
    assert_eq!((page.records[0].partition.as_str(), page.next, page.skipped), ("p", None, 0));
    assert_eq!(page.records[0].item, with(item("x", [1.0, 0.0]), &[("key", "value")]));
    assert_eq!(source.records("p", vec!["x".to_owned()]).await.unwrap(), page.records);
    drop(source);
    assert!(fs::read(&path).unwrap() == before, "the file changed");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
}

#[tokio::test]
async fn a_source_is_read_while_it_is_written_and_after_its_process_was_killed() {
    let (vectors, folder) = new_store(model()).await;
    vectors.upsert("p", vec![item("x", [1.0, 0.0])]).await.unwrap();
    let left = tempfile::tempdir().unwrap();
    for file in ["corral.db", "corral.db-wal"] {
        fs::copy(folder.path().join(file), left.path().join(file)).unwrap();
    }
    for folder in [&folder, &left] {
        let source = source(&folder.path().join("corral.db"), &Config::default()).await.unwrap();
        assert_eq!(source.total().await.unwrap(), 1);
        vectors.upsert("p", vec![item("y", [1.0, 0.0])]).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_source_is_an_error_and_is_not_made() {
    let (_vectors, folder) = new_store(model()).await;
    let path = folder.path().join("corral.db");
    let other = Config { collection: "chat_docments".to_owned(), ..Config::default() };
    let missing = source(&path, &other).await.err();
    assert!(matches!(&missing, Some(Error::NoCollection(name)) if name == "chat_docments"), "{missing:?}");
    let file = rusqlite::Connection::open(&path).unwrap();
    let count = "SELECT count(*) FROM vector_collections";
    assert_eq!(file.query_row(count, (), |row| row.get::<_, u32>(0)).unwrap(), 1);
    file.execute("UPDATE schema_versions SET version = 99", ()).unwrap();
    let newer = source(&path, &Config::default()).await.err().expect("an error").to_string();
    assert!(newer.contains("version 99") && newer.contains("corral.db"), "{newer}");
    let nowhere = folder.path().join("none.db");
    let missing = source(&nowhere, &Config::default()).await.err().expect("an error").to_string();
    assert!(missing.contains("none.db") && !nowhere.exists(), "{missing}");
}

async fn source(path: &Path, config: &Config) -> Result<Source, Error> {
    Source::open(config, path, Model { name: "sextant".to_owned(), dimensions: 3 }).await
}

fn cosine_distance(one: &[f32], other: &[f32]) -> f64 {
    let dot = |one: &[f32], other: &[f32]| -> f64 {
        one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
    };
    1.0 - dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

/// Numbers of no meaning, the same in every run.
fn next(seed: &mut u64) -> f32 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    (*seed >> 40) as f32 / (1 << 23) as f32 - 1.0
}
