//! The collection is shared with Python programs: what they wrote is used as it is, and what is written
//! here is there for them.

use crate::{conformance::*, new_collection, open};
use corral_vectors::{Config, Error, Model};
use serde_json::Value;
use tokio::process::Command;

/// Collections and records as LangChain's wrapper makes them.
const SCRIPT: &str = include_str!("../fixtures/collection.py");

#[tokio::test]
async fn what_langchain_wrote_is_found_listed_counted_and_deleted() {
    for space in ["l2", "cosine", "ip"] {
        let config = new_collection().await;
        python(&config, &["fill", space]).await;
        let vectors = open(&config, model()).await.unwrap();
        assert_eq!(vectors.count("a").await.unwrap(), 3);
        let hits = vectors.query("a", vec![2.0, 0.0], 10).await.unwrap();
        let found: Vec<_> =
            hits.iter().map(|hit| (hit.passage.id.as_str(), hit.passage.text.as_str())).collect();
        assert_eq!(found, [("uuid-1", "east"), ("uuid-2", "north-east"), ("uuid-3", "")], "{space}");
        for (hit, distance) in hits.iter().zip([0.0, 1.0 - 0.5_f32.sqrt(), 1.0]) {
            assert!((hit.distance - distance).abs() < 1e-5, "{space}: {}", hit.distance);
        }
        let passages = all(&vectors, "a").await;
        let metadata = [("flag", "true"), ("page", "3"), ("score", "0.5"), ("source", "a.txt")];
        assert_eq!(passages[0].metadata, metadata.map(|(key, value)| entry(key, value)));
        let pages = vectors.list("a", Some(entry("page", "3")), None, 10).await.unwrap();
        assert_eq!(ids(&pages), ["uuid-1"], "3.0 is not 3, and \"3\" is another partition's");
        assert_eq!(vectors.delete("a", entry("flag", "true")).await.unwrap(), 1);
        assert_eq!(vectors.remove("a", vec!["uuid-2".to_owned(), "uuid-4".to_owned()]).await.unwrap(), 1);
        assert_eq!(ids(&all(&vectors, "a").await), ["uuid-3"]);
        assert_eq!(vectors.count("b").await.unwrap(), 1);
    }
}

#[tokio::test]
async fn what_is_written_here_is_there_for_python() {
    let config = new_collection().await;
    let vectors = open(&config, model()).await.unwrap();
    vectors
        .upsert("a", vec![with(item("x", [0.0, 5.0]), &[("document", "d"), ("$odd", "1")])])
        .await
        .unwrap();
    vectors.upsert("b", vec![item("x", [1.0, 0.0])]).await.unwrap();
    let seen = python(&config, &["read", "a"]).await;
    assert_eq!(seen["ids"], serde_json::json!(["a/x"]));
    assert_eq!(seen["documents"], serde_json::json!(["text of x"]));
    assert_eq!(seen["metadatas"], serde_json::json!([{"chat_id": "a", "document": "d", "corral:$odd": "1"}]));
    assert_eq!(seen["embeddings"], serde_json::json!([[0.0, 1.0]]));
    assert_eq!(seen["space"], "cosine");
}

#[tokio::test]
async fn a_passage_of_another_program_is_replaced_where_it_is() {
    let config = new_collection().await;
    python(&config, &["fill", "l2"]).await;
    let vectors = open(&config, model()).await.unwrap();
    vectors.upsert("a", vec![with(item("uuid-1", [0.0, 1.0]), &[("page", "4")])]).await.unwrap();
    assert_eq!(vectors.count("a").await.unwrap(), 3);
    assert_eq!(all(&vectors, "a").await[0].metadata, [entry("page", "4")]);
    vectors.upsert("b", vec![item("uuid-1", [0.0, 1.0])]).await.unwrap();
    assert_eq!(
        all(&vectors, "a").await[0].metadata,
        [entry("page", "4")],
        "the same id in another partition"
    );
    assert_eq!(vectors.count("b").await.unwrap(), 2);
}

#[tokio::test]
async fn a_collection_without_a_model_is_taken_if_its_dimension_fits_and_keeps_its_metadata() {
    let config = new_collection().await;
    python(&config, &["fill", "l2"]).await;
    let refused = open(&config, Model { dimensions: 3, ..model() }).await.err();
    assert!(matches!(refused, Some(Error::OtherModel { .. })), "{refused:?}");
    open(&config, model()).await.unwrap();
    let seen = python(&config, &["read", "a"]).await;
    assert_eq!(
        seen["metadata"],
        serde_json::json!({"owner": "langchain", "corral:model": "compass", "corral:dimensions": 2})
    );
    let refused = open(&config, Model { name: "sextant".to_owned(), ..model() }).await.err();
    assert!(matches!(refused, Some(Error::OtherModel { .. })), "{refused:?}");
}

#[tokio::test]
async fn what_python_wrote_is_exported() {
    let config = new_collection().await;
    python(&config, &["fill", "l2"]).await;
    let vectors = open(&config, model()).await.unwrap();
    let page = vectors.export(None, 100).await.unwrap();
    let found: Vec<_> = page.records.iter().map(|record| (&*record.partition, &*record.item.id)).collect();
    assert_eq!(found, [("a", "uuid-1"), ("a", "uuid-2"), ("a", "uuid-3"), ("b", "uuid-4")]);
}

pub async fn python(config: &Config, arguments: &[&str]) -> Value {
    let mut command = Command::new(corral_services::python().unwrap());
    let url = config.url.as_deref().unwrap();
    let output =
        command.args(["-c", SCRIPT, url, &config.collection]).args(arguments).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
