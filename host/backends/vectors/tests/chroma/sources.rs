//! Collections that something is moved out of: they are read as they are, and left so.

use crate::{conformance::*, new_collection, open, python::python};
use corral_services::Chroma;
use corral_vectors::{Config, Error, Model, Record, Source};
use serde_json::json;
use std::path::Path;

#[tokio::test]
async fn a_missing_collection_is_an_error_that_names_it_and_is_not_made() {
    let config = new_collection().await;
    for _ in 0..2 {
        let missing = source(&config, model()).await.err().expect("an error");
        assert!(matches!(&missing, Error::NoCollection(name) if *name == config.collection), "{missing:?}");
        assert!(missing.to_string().contains(&config.collection), "{missing}");
    }
}

#[tokio::test]
async fn another_programs_collection_is_read_and_gets_no_record_of_a_model() {
    let config = new_collection().await;
    python(&config, &["fill", "l2"]).await;
    let likely = source(&config, model()).await.unwrap();
    assert_eq!((likely.model(), likely.total().await.unwrap()), (&model(), 4));
    let page = likely.export(None, 100).await.unwrap();
    assert_eq!(names(&page.records), [("a", "uuid-1"), ("a", "uuid-2"), ("a", "uuid-3"), ("b", "uuid-4")]);
    assert_eq!((page.next, page.skipped), (None, 0));
    let other = source(&config, Model { dimensions: 3, ..model() }).await.unwrap();
    assert_eq!(other.model().dimensions, 2);
    assert_eq!(other.export(None, 100).await.unwrap().records, page.records);
    assert_eq!(python(&config, &["read", "a"]).await["metadata"], json!({"owner": "langchain"}));
}

#[tokio::test]
async fn a_source_says_which_model_it_is_of() {
    let config = new_collection().await;
    open(&config, model()).await.unwrap().upsert("p", vec![item("x", [1.0, 0.0])]).await.unwrap();
    let source = source(&config, Model { name: "sextant".to_owned(), dimensions: 3 }).await.unwrap();
    assert_eq!(source.model(), &model());
    let record = &source.records("p", vec!["x".to_owned()]).await.unwrap()[0];
    assert_eq!((record.item.text.as_str(), source.total().await.unwrap()), ("text of x", 1));
}

#[tokio::test]
async fn a_number_is_a_partitions_name_and_what_has_none_is_counted() {
    let config = new_collection().await;
    python(&config, &["fill", "l2"]).await;
    python(&config, &["stray", "7"]).await;
    let source = source(&config, model()).await.unwrap();
    let page = source.export(None, 100).await.unwrap();
    assert_eq!((page.skipped, source.total().await.unwrap()), (3, 8));
    let (name, record) = (("7", "uuid-5"), page.records.last().unwrap());
    assert_eq!((names(&page.records).last(), record.item.text.as_str()), (Some(&name), "of a number"));
    let again = |partition| source.records(partition, vec!["uuid-5".to_owned()]);
    assert_eq!(again("7").await.unwrap(), std::slice::from_ref(record));
    assert_eq!(again("a").await.unwrap(), []);
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable() {
    let mut server = Chroma::start().await.unwrap();
    let config = crate::collection_at(&server.url());
    server.kill().await.unwrap();
    let down = source(&config, model()).await.err();
    assert!(matches!(down, Some(Error::Unavailable(_))), "{down:?}");
}

async fn source(config: &Config, likely: Model) -> Result<Source, Error> {
    Source::open(config, Path::new("/nonexistent/corral.db"), likely).await
}

fn names(records: &[Record]) -> Vec<(&str, &str)> {
    records.iter().map(|record| (&*record.partition, &*record.item.id)).collect()
}
