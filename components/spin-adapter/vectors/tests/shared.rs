//! One real ChromaDB for a Corral host and a component on Spin: each finds what the other stored.

use corral_services::Chroma;
use corral_spin_testing::network::Network;
use corral_spin_vectors::{Entry, Error, Item, Model, Settings, Vectors};
use corral_vectors as host;
use std::{path::Path, sync::Arc};
use tokio::runtime::Runtime;

fn settings(url: &str, collection: &str) -> Settings {
    Settings {
        url: url.into(),
        tenant: "default_tenant".into(),
        database: "default_database".into(),
        collection: collection.into(),
        token: None,
        token_header: "x-chroma-token".into(),
    }
}

fn model() -> Model {
    Model { name: "compass".into(), dimensions: 2 }
}

fn item(id: &str, text: &str, embedding: [f32; 2], topic: &str) -> Item {
    let metadata = vec![Entry { key: "topic".into(), value: topic.into() }];
    Item { id: id.into(), text: text.into(), embedding: embedding.into(), metadata }
}

fn ids<T>(found: &[T], id: impl Fn(&T) -> &str) -> Vec<String> {
    found.iter().map(|one| id(one).to_owned()).collect()
}

const COLLECTION: &str = "chat_documents";

/// A server, and both sides of it.
struct Shared {
    runtime: Runtime,
    server: Chroma,
    network: Arc<Network>,
    spin: Vectors,
    on_host: host::Vectors,
}

#[expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
impl Shared {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(Chroma::start()).unwrap();
        let network = Arc::new(Network::new());
        let spin = Vectors::new(network.clone(), &settings(&server.url(), COLLECTION), model()).unwrap();
        let backend = host::Backend::Chroma;
        let config = host::Config { backend, url: Some(server.url()), ..host::Config::default() };
        let model = host::Model { name: "compass".into(), dimensions: 2 };
        let on_host = runtime.block_on(host::Vectors::open(&config, Path::new("unused"), model)).unwrap();
        Self { runtime, server, network, spin, on_host }
    }

    /// Herons in the east and the north pole, by the component; penguins in the south, by the host.
    fn with_passages() -> Self {
        let shared = Self::start();
        let east = item("east", "herons in the east", [2.0, 0.0], "birds");
        let north = item("north", "the north pole", [0.0, 1.0], "poles");
        assert!(shared.spin.is_empty("s").unwrap());
        shared.spin.upsert("s", vec![east, north]).unwrap();
        let south = host::Item {
            id: "south/1".into(),
            text: "penguins in the south".into(),
            embedding: vec![0.0, -1.0],
            metadata: vec![host::Entry { key: "topic".into(), value: "poles".into() }],
        };
        shared.runtime.block_on(shared.on_host.upsert("s", vec![south])).unwrap();
        shared
    }
}

#[test]
fn a_host_and_a_component_on_spin_find_what_the_other_stored() {
    let Shared { runtime, spin, on_host, .. } = &Shared::with_passages();
    let found = runtime.block_on(on_host.query("s", vec![1.0, 0.1], 2)).unwrap();
    assert_eq!(ids(&found, |hit| &hit.passage.id), ["east", "north"]);
    let hits = spin.query("s", &[0.0, -3.0], 2).unwrap();
    assert_eq!(ids(&hits, |hit| &hit.passage.id), ["south/1", "east"]);
    assert!(hits[0].distance.abs() < 1e-5 && hits[0].passage.text == "penguins in the south");

    let expected = runtime.block_on(on_host.search("s", vec![1.0, 0.0], "penguins", 3)).unwrap();
    let matches = spin.search("s", &[1.0, 0.0], "penguins", 3).unwrap();
    let scores: Vec<_> =
        matches.iter().map(|found| (found.passage.id.clone(), found.bm25, found.score)).collect();
    let on_hosts: Vec<_> =
        expected.into_iter().map(|found| (found.passage.id, found.bm25, found.score)).collect();
    assert_eq!(scores, on_hosts, "the same ranking, with the same scores");
}

#[test]
fn a_host_misses_what_a_component_on_spin_deleted() {
    let Shared { runtime, spin, on_host, .. } = &Shared::with_passages();
    let poles = Entry { key: "topic".into(), value: "poles".into() };
    assert_eq!(ids(&spin.list("s", Some(&poles), None, 9).unwrap(), |found| &found.id), ["north", "south/1"]);
    assert_eq!(ids(&spin.list("s", None, Some("east"), 1).unwrap(), |found| &found.id), ["north"]);
    assert_eq!((spin.count("s").unwrap(), spin.count("other").unwrap()), (3, 0));
    assert_eq!(spin.remove("s", &["east".into(), "gone".into()]).unwrap(), 1);
    assert_eq!(spin.delete("s", &poles).unwrap(), 2);
    assert_eq!(runtime.block_on(on_host.count("s")).unwrap(), 0);
}

#[test]
fn more_passages_than_are_scored_at_once_are_ranked_as_on_a_host() {
    let Shared { runtime, spin, on_host, .. } = &Shared::start();
    for first in (0..1100).step_by(100) {
        let text = |number| if number % 500 == 7 { "heron pole" } else { "pole" };
        let items = (first..first + 100)
            .map(|number| item(&format!("{number:04}"), text(number), [1.0, number as f32], "n"));
        spin.upsert("s", items.collect()).unwrap();
    }
    assert_eq!(runtime.block_on(on_host.count("s")).unwrap(), 1100);
    let matches = spin.search("s", &[1.0, 0.0], "heron pole", 3).unwrap();
    let expected = runtime.block_on(on_host.search("s", vec![1.0, 0.0], "heron pole", 3)).unwrap();
    assert_eq!(ids(&matches, |found| &found.passage.id), ids(&expected, |found| &found.passage.id));
    assert!(matches.iter().any(|found| found.passage.text == "heron pole"));
    assert_eq!(spin.delete_partition("s").unwrap(), 1100);
}

/// Its id is another one then.
#[test]
fn a_collection_that_somebody_deletes_is_made_anew() {
    let Shared { runtime, server, spin, .. } = &Shared::start();
    spin.upsert("s", vec![item("a", "x", [1.0, 0.0], "n")]).unwrap();
    let url = format!(
        "{}/api/v2/tenants/default_tenant/databases/default_database/collections/{COLLECTION}",
        server.url()
    );
    let deleted = runtime.block_on(async { reqwest::Client::new().delete(url).send().await }).unwrap();
    assert!(deleted.status().is_success());
    assert_eq!(spin.count("s").unwrap(), 0);
    spin.upsert("s", vec![item("a", "x", [1.0, 0.0], "n")]).unwrap();
    assert_eq!(spin.count("s").unwrap(), 1);
}

#[test]
fn embeddings_of_another_model_and_servers_that_are_not_there_are_unavailable() {
    let Shared { server, network, spin, .. } = &Shared::start();
    spin.upsert("s", vec![item("a", "x", [1.0, 0.0], "n")]).unwrap();
    let other = Model { name: "other".into(), dimensions: 2 };
    let other = Vectors::new(network.clone(), &settings(&server.url(), COLLECTION), other).unwrap();
    assert!(matches!(other.count("s"), Err(Error::Unavailable(cause)) if cause.contains("compass")));
    let nowhere = settings("http://127.0.0.1:1", COLLECTION);
    let nobody = Vectors::new(network.clone(), &nowhere, model()).unwrap();
    assert!(matches!(nobody.count("s"), Err(Error::Unavailable(_))));
}
