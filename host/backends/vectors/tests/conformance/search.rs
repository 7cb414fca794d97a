//! Finding the nearest.

use super::item;
use corral_vectors::{Hit, Vectors};

pub async fn the_nearest_come_first_with_their_distance(vectors: &Vectors) {
    let items = vec![
        item("opposite", [-1.0, 0.0]),
        item("same", [1.0, 0.0]),
        item("across", [0.0, 1.0]),
        item("between", [1.0, 1.0]),
    ];
    vectors.upsert("p", items).await.unwrap();
    let hits = vectors.query("p", vec![1.0, 0.0], 10).await.unwrap();
    let expected = [("same", 0.0), ("between", 1.0 - 0.5_f32.sqrt()), ("across", 1.0), ("opposite", 2.0)];
    assert_eq!(hits.len(), expected.len());
    for (hit, (id, distance)) in hits.iter().zip(expected) {
        assert_eq!(hit.passage.id, id);
        assert_eq!(hit.passage.text, format!("text of {id}"));
        assert!((hit.distance - distance).abs() < 1e-5, "{id} at {}", hit.distance);
    }
}

pub async fn length_does_not_count(vectors: &Vectors) {
    let items = vec![item("small", [1e-20, 1e-20]), item("large", [1e20, 0.0])];
    vectors.upsert("p", items).await.unwrap();
    let hits = vectors.query("p", vec![3e10, 3e10], 10).await.unwrap();
    assert_eq!(found(&hits), ["small", "large"]);
    assert!(hits[0].distance.abs() < 1e-5, "{}", hits[0].distance);
}

pub async fn the_nearest_of_many_are_exact(vectors: &Vectors) {
    // Every angle once, in an order of no meaning.
    let angle = |step: u32| (step * 577 % 1000) as f32 / 1000.0 * std::f32::consts::PI;
    let items =
        (0..1000).map(|step| item(&format!("{:04}", step * 577 % 1000), angle(step).sin_cos().into()));
    vectors.upsert("p", items.collect()).await.unwrap();
    let hits = vectors.query("p", <[f32; 2]>::from(0.0_f32.sin_cos()).to_vec(), 100).await.unwrap();
    let expected: Vec<_> = (0..100).map(|step| format!("{step:04}")).collect();
    assert_eq!(found(&hits), expected);
    assert!(hits.is_sorted_by(|one, next| one.distance <= next.distance));
}

pub async fn a_replaced_embedding_is_not_found_any_more(vectors: &Vectors) {
    vectors.upsert("p", vec![item("x", [1.0, 0.0]), item("y", [1.0, 1.0])]).await.unwrap();
    vectors.upsert("p", vec![item("x", [-1.0, 0.0])]).await.unwrap();
    let hits = vectors.query("p", vec![1.0, 0.0], 10).await.unwrap();
    assert_eq!(found(&hits), ["y", "x"]);
    assert!((hits[1].distance - 2.0).abs() < 1e-5, "{}", hits[1].distance);
}

pub async fn a_limit_bounds_what_is_found(vectors: &Vectors) {
    let items = (0..150).map(|number| item(&number.to_string(), [1.0, number as f32])).collect();
    vectors.upsert("p", items).await.unwrap();
    for (limit, expected) in [(0, 0), (1, 1), (4, 4), (100, 100), (u32::MAX, 100)] {
        let hits = vectors.query("p", vec![1.0, 0.0], limit).await.unwrap();
        assert_eq!(hits.len(), expected, "limit {limit}");
        assert!(hits.first().is_none_or(|hit| hit.passage.id == "0"));
    }
}

fn found(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.passage.id.as_str()).collect()
}
