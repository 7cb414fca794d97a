//! What callers see of a server or a network that fails, and that it heals.

use crate::{collection_at, conformance::*, new_collection, open, server};
use corral_services::{Chroma, Fault, Proxy};
use corral_vectors::{Error, Vectors};
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn a_killed_server_is_unavailable_until_it_is_back_with_everything() {
    let mut server = Chroma::start().await.unwrap();
    let vectors = open(&collection_at(&server.url()), model()).await.unwrap();
    vectors.upsert("p", vec![with(item("x", [1.0, 0.0]), &[("key", "value")])]).await.unwrap();
    let before = all(&vectors, "p").await;
    server.kill().await.unwrap();
    unavailable(&vectors).await;
    server.restart().await.unwrap();
    assert_eq!(all(&vectors, "p").await, before);
    vectors.upsert("p", vec![item("y", [1.0, 0.0])]).await.unwrap();
    assert_eq!(vectors.query("p", vec![1.0, 0.0], 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_unavailable() {
    let server = Chroma::start().await.unwrap();
    let vectors = open(&collection_at(&server.url()), model()).await.unwrap();
    server.pause().await.unwrap();
    unavailable(&vectors).await;
    server.resume().await.unwrap();
    assert_eq!(vectors.count("p").await.unwrap(), 0);
}

#[tokio::test]
async fn a_broken_network_is_unavailable_until_it_is_whole() {
    let proxy = Proxy::to(server().await.port()).await.unwrap();
    let config = collection_at(&format!("http://127.0.0.1:{}", proxy.port()));
    let vectors = open(&config, model()).await.unwrap();
    vectors.upsert("p", vec![item("x", [1.0, 0.0])]).await.unwrap();
    for fault in [Fault::Refuse, Fault::Stall, Fault::Cut] {
        proxy.set(fault);
        unavailable(&vectors).await;
        proxy.set(Fault::None);
        assert_eq!(ids(&all(&vectors, "p").await), ["x"], "after {fault:?}");
    }
    // A small answer comes through before the connection breaks.
    proxy.set(Fault::Reset);
    let many: Vec<_> = (0..100).map(|number| item(&number.to_string(), [1.0, 0.0])).collect();
    let reset = vectors.upsert("many", many).await;
    assert!(matches!(reset, Err(Error::Unavailable(_))), "{reset:?}");
    proxy.set(Fault::Slow(Duration::from_millis(50)));
    vectors.upsert("p", vec![item("y", [1.0, 0.0])]).await.unwrap();
    assert_eq!(vectors.count("p").await.unwrap(), 2);
}

#[tokio::test]
async fn a_collection_that_somebody_deleted_is_made_again() {
    let config = new_collection().await;
    let vectors = open(&config, model()).await.unwrap();
    vectors.upsert("p", vec![item("x", [1.0, 0.0])]).await.unwrap();
    let url = config.url.as_deref().unwrap();
    let path = "api/v2/tenants/default_tenant/databases/default_database/collections";
    let deleted = reqwest::Client::new().delete(format!("{url}/{path}/{}", config.collection)).send().await;
    assert!(deleted.unwrap().status().is_success());
    assert_eq!(all(&vectors, "p").await, []);
    vectors.upsert("p", vec![item("y", [1.0, 0.0])]).await.unwrap();
    assert_eq!(ids(&all(&vectors, "p").await), ["y"]);
    assert_eq!(vectors.total().await.unwrap(), 1);
}

/// Each call fails, and none hangs: the bound is far above the five seconds that calls may take.
async fn unavailable(vectors: &Vectors) {
    let question = || vec![1.0, 0.0];
    let calls = async {
        tokio::join!(
            Box::pin(async { vectors.upsert("other", vec![item("z", [1.0, 0.0])]).await.err() }),
            Box::pin(async { vectors.query("p", question(), 1).await.err() }),
            Box::pin(async { vectors.list("p", None, None, 1).await.err() }),
            Box::pin(async { vectors.delete("p", entry("no", "value")).await.err() }),
            Box::pin(async { vectors.count("p").await.err() }),
            Box::pin(async { vectors.ping().await.err() }),
        )
    };
    let (upsert, query, list, delete, count, ping) = timeout(Duration::from_secs(30), calls).await.unwrap();
    for answer in [upsert, query, list, delete, count, ping] {
        assert!(matches!(answer, Some(Error::Unavailable(_))), "{answer:?}");
    }
}
