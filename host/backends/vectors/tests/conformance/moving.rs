//! Taking everything out, and putting it in.

use super::{all, entry, item, with};
use corral_vectors::{Item, Record, Vectors};
use std::collections::BTreeSet;

pub async fn an_export_gives_every_record_once(vectors: &Vectors) {
    assert_eq!(vectors.export(None, 10).await.unwrap().records, []);
    assert_eq!(vectors.total().await.unwrap(), 0);
    let mut stored = BTreeSet::new();
    for partition in ["p", "q/r", "\u{0}%"] {
        for id in ["a", "a/b", "ä \"\u{0}"] {
            let item =
                with(item(id, [3.0, 4.0]), &[("$key", id), ("corral:key", ""), ("chroma:document", "x")]);
            stored.insert(record(partition, item.clone()).digest());
            vectors.upsert(partition, vec![item]).await.unwrap();
        }
    }
    assert_eq!(vectors.total().await.unwrap(), 9);
    let (mut found, mut cursor) = (vec![], None);
    loop {
        let page = vectors.export(cursor.as_deref(), 4).await.unwrap();
        assert!(page.records.len() <= 4);
        found.extend(page.records);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 9);
    assert_eq!(found.iter().map(Record::digest).collect::<BTreeSet<_>>(), stored);
    assert!(found.iter().all(|record| points_at(&record.item, [0.6, 0.8])));
}

pub async fn records_come_back_by_id_with_their_direction(vectors: &Vectors) {
    let stored = with(item("x", [0.0, -7.0]), &[("key", "value")]);
    vectors.upsert("p", vec![stored.clone(), item("y", [1.0, 0.0])]).await.unwrap();
    let ids = ["x", "none", "x"].map(str::to_owned).to_vec();
    let found = vectors.records("p", ids.clone()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].digest(), record("p", stored).digest());
    assert!(points_at(&found[0].item, [0.0, -1.0]), "{:?}", found[0].item.embedding);
    assert_eq!(vectors.records("q", ids).await.unwrap(), []);
}

pub async fn an_import_replaces_what_is_there(vectors: &Vectors) {
    vectors.upsert("p", vec![with(item("x", [1.0, 0.0]), &[("old", "1")])]).await.unwrap();
    let mut records: Vec<_> = (0..1200)
        .map(|number| record(&format!("q{}", number % 3), item(&number.to_string(), [1.0, 0.0])))
        .collect();
    records.push(record("p", with(item("x", [0.0, 1.0]), &[("new", "2")])));
    vectors.import(records.clone()).await.unwrap();
    vectors.import(records).await.unwrap();
    assert_eq!(vectors.total().await.unwrap(), 1201);
    assert_eq!(vectors.count("q1").await.unwrap(), 400);
    assert_eq!(all(vectors, "p").await[0].metadata, [entry("new", "2")]);
    let wrong = vec![record("p", item("y", [1.0, 0.0])), record("", item("y", [1.0, 0.0]))];
    assert!(vectors.import(wrong).await.is_err());
    assert_eq!(vectors.total().await.unwrap(), 1201);
}

fn record(partition: &str, item: Item) -> Record {
    Record { partition: partition.to_owned(), item }
}

fn points_at(item: &Item, direction: [f32; 2]) -> bool {
    let length = item.embedding.iter().map(|value| value * value).sum::<f32>().sqrt();
    item.embedding.iter().zip(direction).all(|(value, expected)| (value / length - expected).abs() < 1e-5)
}
