//! What a store refuses, and that refusing changes nothing.

use super::{all, entry, item, with};
use corral_vectors::{Error, Item, Vectors};

pub async fn an_embedding_of_another_length_is_refused(vectors: &Vectors) {
    for given in [0, 1, 3] {
        let wrong = Item { embedding: vec![1.0; given], ..item("x", [1.0, 0.0]) };
        let upsert = vectors.upsert("p", vec![wrong]).await.err();
        let query = vectors.query("p", vec![1.0; given], 1).await.err();
        for error in [upsert, query] {
            let Some(Error::DimensionMismatch { given: told, stored: 2 }) = error else {
                panic!("{error:?}")
            };
            assert_eq!(told as usize, given);
        }
    }
    assert_eq!(vectors.count("p").await.unwrap(), 0);
}

pub async fn values_that_are_not_finite_are_refused(vectors: &Vectors) {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        refused(vectors, item("x", [1.0, value])).await;
        let query = vectors.query("p", vec![value, 1.0], 1).await;
        assert!(matches!(query, Err(Error::InvalidArgument(_))), "{query:?}");
    }
}

pub async fn a_call_stores_at_most_1000_items(vectors: &Vectors) {
    let items: Vec<_> = (0..1001).map(|number| item(&number.to_string(), [1.0, 0.0])).collect();
    let answer = vectors.upsert("p", items.clone()).await;
    assert!(matches!(answer, Err(Error::InvalidArgument(_))), "{answer:?}");
    assert_eq!(vectors.count("p").await.unwrap(), 0);
    vectors.upsert("p", items[..1000].to_vec()).await.unwrap();
    assert_eq!(vectors.count("p").await.unwrap(), 1000);
}

pub async fn ids_have_1_to_256_bytes_and_are_given_once(vectors: &Vectors) {
    refused(vectors, item("", [1.0, 0.0])).await;
    refused(vectors, item(&"x".repeat(257), [1.0, 0.0])).await;
    let twice = vectors.upsert("p", vec![item("x", [1.0, 0.0]), item("x", [0.0, 1.0])]).await;
    assert!(matches!(twice, Err(Error::InvalidArgument(_))), "{twice:?}");
    assert_eq!(vectors.count("p").await.unwrap(), 0);
    vectors.upsert("p", vec![item(&"ä".repeat(128), [1.0, 0.0])]).await.unwrap();
}

pub async fn metadata_has_its_documented_form(vectors: &Vectors) {
    let (long_key, long_value) = ("k".repeat(129), "v".repeat(4097));
    for metadata in
        [&[("", "value")][..], &[(&long_key, "")], &[("key", &long_value)], &[("k", "1"), ("k", "2")]]
    {
        refused(vectors, with(item("x", [1.0, 0.0]), metadata)).await;
    }
    let many: Vec<_> = (0..129).map(|number| entry(&number.to_string(), "value")).collect();
    refused(vectors, Item { metadata: many.clone(), ..item("x", [1.0, 0.0]) }).await;
    let most = with(item("x", [1.0, 0.0]), &[(&long_key[1..], &long_value[1..])]);
    let many = Item { metadata: many[1..].to_vec(), ..item("y", [1.0, 0.0]) };
    vectors.upsert("p", vec![most, many]).await.unwrap();
}

pub async fn chat_id_is_reserved(vectors: &Vectors) {
    refused(vectors, with(item("x", [1.0, 0.0]), &[("chat_id", "q")])).await;
    vectors.upsert("p", vec![item("x", [1.0, 0.0])]).await.unwrap();
    let filter = || entry("chat_id", "p");
    let list = vectors.list("p", Some(filter()), None, 10).await;
    assert!(matches!(list, Err(Error::InvalidArgument(_))), "{list:?}");
    let delete = vectors.delete("p", filter()).await;
    assert!(matches!(delete, Err(Error::InvalidArgument(_))), "{delete:?}");
    assert_eq!(vectors.count("p").await.unwrap(), 1);
}

pub async fn partitions_have_1_to_256_bytes(vectors: &Vectors) {
    for partition in [String::new(), "p".repeat(257)] {
        let answer = vectors.upsert(&partition, vec![item("x", [1.0, 0.0])]).await;
        assert!(matches!(answer, Err(Error::InvalidArgument(_))), "{answer:?}");
        let answer = vectors.query(&partition, vec![1.0, 0.0], 1).await;
        assert!(matches!(answer, Err(Error::InvalidArgument(_))), "{answer:?}");
    }
    vectors.upsert(&"p".repeat(256), vec![item("x", [1.0, 0.0])]).await.unwrap();
}

pub async fn no_text_is_dangerous(vectors: &Vectors) {
    for (number, hostile) in
        (1..).zip(["'; DROP TABLE vector_passages; --", "$.a[0]", "{\"$ne\": 1}", "%", "\u{0}"])
    {
        let stored = with(item(hostile, [1.0, 0.0]), &[(hostile, hostile)]);
        vectors.upsert(hostile, vec![stored]).await.unwrap();
        vectors.upsert("p", vec![with(item(hostile, [1.0, 0.0]), &[(hostile, hostile)])]).await.unwrap();
        assert_eq!(vectors.list("p", Some(entry(hostile, hostile)), None, 10).await.unwrap().len(), 1);
        assert_eq!(vectors.count("p").await.unwrap(), number);
        assert_eq!(vectors.delete(hostile, entry(hostile, hostile)).await.unwrap(), 1);
    }
    assert_eq!(all(vectors, "p").await.len(), 5);
}

/// The item is refused, and nothing of it is stored.
async fn refused(vectors: &Vectors, item: Item) {
    let before = vectors.count("p").await.unwrap();
    let answer = vectors.upsert("p", vec![item]).await;
    assert!(matches!(answer, Err(Error::InvalidArgument(_))), "{answer:?}");
    assert_eq!(vectors.count("p").await.unwrap(), before);
}
