//! Storing, listing and deleting.

use super::{all, entry, ids, item, with};
use corral_vectors::{Error, Passage, Vectors};
use tokio::task::JoinSet;

pub async fn passages_come_back_whole_and_by_id(vectors: &Vectors) {
    let mut odd = with(item("ä#1", [0.0, 1.0]), &[("z", ""), ("a \"key\"", "日本語\n"), ("B", "{}")]);
    odd.text = "naïve 🐎 \"quoted\" \u{0}\r\n".to_owned();
    let items = vec![odd, item("b#2", [1.0, 0.0]), item("b#10", [1.0, 1.0]), item("B", [1.0, 1.0])];
    vectors.upsert("p", items).await.unwrap();
    let passages = all(vectors, "p").await;
    assert_eq!(ids(&passages), ["B", "b#10", "b#2", "ä#1"]);
    let expected = Passage {
        id: "ä#1".to_owned(),
        text: "naïve 🐎 \"quoted\" \u{0}\r\n".to_owned(),
        metadata: vec![entry("B", "{}"), entry("a \"key\"", "日本語\n"), entry("z", "")],
    };
    assert_eq!(passages[3], expected);
    assert_eq!(passages[0].metadata, []);
    assert_eq!(vectors.count("p").await.unwrap(), 4);
}

pub async fn an_unknown_partition_is_empty(vectors: &Vectors) {
    assert_eq!(vectors.query("nobody", vec![1.0, 0.0], 4).await.unwrap(), []);
    assert_eq!(all(vectors, "nobody").await, []);
    assert_eq!(vectors.count("nobody").await.unwrap(), 0);
    assert!(vectors.is_empty("nobody").await.unwrap());
    assert_eq!(vectors.delete("nobody", entry("key", "value")).await.unwrap(), 0);
    assert_eq!(vectors.delete_partition("nobody").await.unwrap(), 0);
    vectors.upsert("nobody", vec![]).await.unwrap();
    assert_eq!(vectors.count("nobody").await.unwrap(), 0);
}

pub async fn the_same_id_replaces_all_of_the_passage(vectors: &Vectors) {
    vectors.upsert("p", vec![with(item("x", [1.0, 0.0]), &[("old", "1"), ("both", "1")])]).await.unwrap();
    let mut new = with(item("x", [1.0, 0.0]), &[("both", "2")]);
    new.text = "new".to_owned();
    vectors.upsert("p", vec![new, item("y", [0.0, 1.0])]).await.unwrap();
    let passages = all(vectors, "p").await;
    assert_eq!(ids(&passages), ["x", "y"]);
    assert_eq!((passages[0].text.as_str(), &passages[0].metadata[..]), ("new", &[entry("both", "2")][..]));
}

pub async fn all_of_one_call_or_none(vectors: &Vectors) {
    vectors.upsert("p", vec![item("before", [1.0, 0.0])]).await.unwrap();
    let broken = item("broken", [1.0, f32::NAN]);
    let answer = vectors.upsert("p", vec![item("new", [1.0, 0.0]), broken]).await;
    assert!(matches!(answer, Err(Error::InvalidArgument(_))), "{answer:?}");
    assert_eq!(ids(&all(vectors, "p").await), ["before"]);
}

pub async fn partitions_do_not_see_each_other(vectors: &Vectors) {
    for partition in ["a", "A", "a ", "a%"] {
        let canary = with(item("same id", [1.0, 0.0]), &[("owner", partition), ("all", "yes")]);
        vectors.upsert(partition, vec![canary]).await.unwrap();
    }
    let owner = |passage: &Passage| passage.metadata[1].value.clone();
    for partition in ["a", "A", "a ", "a%"] {
        let found = vectors.query(partition, vec![1.0, 0.0], 100).await.unwrap();
        assert_eq!(found.iter().map(|hit| owner(&hit.passage)).collect::<Vec<_>>(), [partition]);
        let listed = vectors.list(partition, Some(entry("all", "yes")), None, 1000).await.unwrap();
        assert_eq!(listed.iter().map(owner).collect::<Vec<_>>(), [partition]);
    }
    assert_eq!(vectors.delete("a", entry("all", "yes")).await.unwrap(), 1);
    assert_eq!(vectors.delete_partition("A").await.unwrap(), 1);
    assert_eq!(vectors.count("a ").await.unwrap() + vectors.count("a%").await.unwrap(), 2);
}

pub async fn a_listing_goes_on_after_an_id(vectors: &Vectors) {
    for hundred in 0..11 {
        let items = (0..100).map(|one| item(&format!("{:04}", hundred * 100 + one), [1.0, 0.0]));
        vectors.upsert("p", items.collect()).await.unwrap();
    }
    let first = vectors.list("p", None, None, u32::MAX).await.unwrap();
    assert_eq!(first.len(), 1000, "a limit above 1,000 counts as 1,000");
    let second = vectors.list("p", None, Some(first[999].id.clone()), 1000).await.unwrap();
    assert_eq!((second.len(), second[0].id.as_str()), (100, "1000"));
    let page = vectors.list("p", None, Some("0041x".to_owned()), 2).await.unwrap();
    assert_eq!(ids(&page), ["0042", "0043"], "the id need not exist");
    assert_eq!(vectors.list("p", None, Some("1099".to_owned()), 1000).await.unwrap(), []);
    assert_eq!(vectors.list("p", None, None, 0).await.unwrap(), []);
}

pub async fn a_filter_takes_just_its_value(vectors: &Vectors) {
    let values = ["0", "00", "0.0", "", " 0", "0", "null", "false"];
    let items = (0..).zip(values).map(|(number, value)| {
        with(item(&format!("{number}"), [1.0, 0.0]), &[("chunk", value), ("other", "0"), ("a.b\"c", value)])
    });
    vectors.upsert("p", items.collect()).await.unwrap();
    vectors.upsert("p", vec![item("without", [1.0, 0.0])]).await.unwrap();
    for (filter, expected) in [
        (entry("chunk", "0"), &["0", "5"][..]),
        (entry("chunk", ""), &["3"]),
        (entry("chunk", "null"), &["6"]),
        (entry("Chunk", "0"), &[]),
        (entry("a.b\"c", "0.0"), &["2"]),
        (entry("b", "0"), &[]),
    ] {
        let found = vectors.list("p", Some(filter.clone()), None, 1000).await.unwrap();
        assert_eq!(ids(&found), expected, "{filter:?}");
    }
    let filter = || Some(entry("chunk", "0"));
    assert_eq!(ids(&vectors.list("p", filter(), None, 1).await.unwrap()), ["0"]);
    assert_eq!(ids(&vectors.list("p", filter(), Some("0".to_owned()), 1).await.unwrap()), ["5"]);
}

pub async fn deleting_by_filter_takes_just_those(vectors: &Vectors) {
    let items = ["a#0", "a#1", "b#0"].map(|id| with(item(id, [1.0, 0.0]), &[("document", &id[..1])]));
    vectors.upsert("p", items.to_vec()).await.unwrap();
    assert_eq!(vectors.delete("p", entry("document", "A")).await.unwrap(), 0);
    assert_eq!(vectors.delete("p", entry("document", "a")).await.unwrap(), 2);
    assert_eq!(vectors.delete("p", entry("document", "a")).await.unwrap(), 0);
    assert_eq!(ids(&all(vectors, "p").await), ["b#0"]);
    let found = vectors.query("p", vec![1.0, 0.0], 10).await.unwrap();
    assert_eq!(found.len(), 1, "what is deleted is not found");
}

pub async fn removing_by_id_takes_just_those(vectors: &Vectors) {
    for partition in ["p", "q"] {
        vectors.upsert(partition, ["a", "b", "c"].map(|id| item(id, [1.0, 0.0])).to_vec()).await.unwrap();
    }
    let ids_of = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(vectors.remove("p", ids_of(&["a", "c", "a", "none"])).await.unwrap(), 2);
    assert_eq!(vectors.remove("p", ids_of(&["a"])).await.unwrap(), 0);
    assert_eq!(vectors.remove("p", vec![]).await.unwrap(), 0);
    assert_eq!(ids(&all(vectors, "p").await), ["b"]);
    assert_eq!(vectors.count("q").await.unwrap(), 3);
    let many = vectors.remove("p", vec!["b".to_owned(); 1001]).await;
    assert!(matches!(many, Err(Error::InvalidArgument(_))), "{many:?}");
}

pub async fn a_deleted_partition_is_empty(vectors: &Vectors) {
    vectors.upsert("p", vec![item("x", [1.0, 0.0]), item("y", [0.0, 1.0])]).await.unwrap();
    assert!(!vectors.is_empty("p").await.unwrap());
    assert!(vectors.is_empty("P").await.unwrap(), "another partition");
    assert_eq!(vectors.delete_partition("p").await.unwrap(), 2);
    assert!(vectors.is_empty("p").await.unwrap());
    assert_eq!(vectors.delete_partition("p").await.unwrap(), 0);
    assert_eq!(vectors.count("p").await.unwrap(), 0);
    assert_eq!(vectors.query("p", vec![1.0, 0.0], 10).await.unwrap(), []);
}

pub async fn calls_at_once_are_all_kept(vectors: &Vectors) {
    let calls = (0..50).map(|call| {
        let vectors = vectors.clone();
        let items = (0..10).map(|one| item(&format!("{call}#{one}"), [1.0, 0.0])).collect();
        async move { vectors.upsert("p", items).await.unwrap() }
    });
    calls.collect::<JoinSet<_>>().join_all().await;
    assert_eq!(vectors.count("p").await.unwrap(), 500);
}

pub async fn the_store_answers_a_ping(vectors: &Vectors) {
    vectors.ping().await.unwrap();
}
