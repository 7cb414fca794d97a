//! Which collections are taken: those of the configured model, and no others.

use crate::{collection_at, conformance::*, new_collection, open};
use corral_services::Chroma;
use corral_vectors::{Error, Model};

#[tokio::test]
async fn another_model_is_refused_with_what_to_do() {
    let config = new_collection().await;
    let vectors = open(&config, model()).await.unwrap();
    vectors.upsert("p", vec![item("x", [1.0, 0.0])]).await.unwrap();
    for other in [Model { dimensions: 3, ..model() }, Model { name: "sextant".to_owned(), ..model() }] {
        let refused = open(&config, other.clone()).await.err().expect("a refusal");
        let advice = refused.to_string();
        assert!(
            advice.contains("vectors.collection") && advice.contains("compass (2 dimensions)"),
            "{advice}"
        );
        let Error::OtherModel { stored, given } = refused else { panic!("{refused:?}") };
        assert_eq!((stored, given), (model(), other));
    }
    assert_eq!(ids(&all(&open(&config, model()).await.unwrap(), "p").await), ["x"]);
}

#[tokio::test]
async fn a_model_is_recorded_before_anything_is_stored() {
    let config = new_collection().await;
    open(&config, model()).await.unwrap();
    let refused = open(&config, Model { name: "sextant".to_owned(), ..model() }).await.err();
    assert!(matches!(refused, Some(Error::OtherModel { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_is_down_at_first_is_checked_when_it_is_up() {
    let mut server = Chroma::start().await.unwrap();
    let config = collection_at(&server.url());
    open(&config, model()).await.unwrap().upsert("p", vec![item("x", [1.0, 0.0])]).await.unwrap();
    server.kill().await.unwrap();
    let right = open(&config, model()).await.unwrap();
    let wrong = open(&config, Model { name: "sextant".to_owned(), ..model() }).await.unwrap();
    let down = right.count("p").await;
    assert!(matches!(down, Err(Error::Unavailable(_))), "{down:?}");
    server.restart().await.unwrap();
    assert_eq!(right.count("p").await.unwrap(), 1);
    right.ping().await.unwrap();
    for refused in [wrong.ping().await.err(), wrong.count("p").await.err()] {
        let Some(Error::Unavailable(cause)) = refused else { panic!("{refused:?}") };
        assert!(cause.contains("compass (2 dimensions)"), "{cause}");
    }
}
