//! Several servers: who gets what, and servers that come and go.

use std::{collections::BTreeSet, time::Duration};

use corral_inference::{Config, Error, Options, Remote, RemoteConfig, Status};
use serde_json::json;

use crate::{
    harness::{answer, ask, config, session, soon, start},
    stub::{Kind, Reply, Stub, end, text},
};

/// Settings that try again.
fn patient(stubs: &[&Stub]) -> Config {
    let base = config(stubs);
    Config { remote: RemoteConfig { retries: 3, ..base.remote }, ..base }
}

async fn two() -> [Stub; 2] {
    [Stub::start(Kind::LlamaServer).await, Stub::start(Kind::LlamaServer).await]
}

/// A base address where nothing listens.
async fn nowhere() -> (std::net::SocketAddr, String) {
    let stub = Stub::start(Kind::LlamaServer).await;
    (stub.address(), stub.url())
}

#[tokio::test]
async fn both_of_two_get_work_and_the_busier_one_less() {
    let [one, other] = two().await;
    let remote = start(&patient(&[&one, &other])).await;
    while one.questions().is_empty() || other.questions().is_empty() {
        answer(&remote, Options::default()).await.unwrap();
    }
    let mut held = one.feeds();
    let mut busy = None;
    while busy.is_none() {
        let generation = ask(&remote, Options::default()).await.unwrap();
        busy = held.try_recv().ok().map(|feeder| (generation, feeder));
    }
    let before = (one.questions().len(), other.questions().len());
    for _ in 0..20 {
        answer(&remote, Options::default()).await.unwrap();
    }
    assert_eq!((one.questions().len(), other.questions().len()), (before.0, before.1 + 20));
}

#[tokio::test]
async fn a_conversation_goes_back_to_the_server_that_knows_it() {
    let [one, other] = two().await;
    let remote = start(&patient(&[&one, &other])).await;
    let mut chosen = BTreeSet::new();
    for session_id in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        let before = (one.questions().len(), other.questions().len());
        for _ in 0..6 {
            answer(&remote, session(session_id)).await.unwrap();
        }
        let after = (one.questions().len(), other.questions().len());
        let went = (after.0 - before.0, after.1 - before.1);
        assert!(went == (6, 0) || went == (0, 6), "{session_id}: {went:?}");
        chosen.insert(went);
    }
    assert_eq!(chosen.len(), 2, "both were chosen for someone");
}

#[tokio::test]
async fn a_conversation_moves_on_when_its_server_is_clearly_busier() {
    let [one, other] = two().await;
    let remote = start(&patient(&[&one, &other])).await;
    answer(&remote, session("a")).await.unwrap();
    let (home, away) = if one.questions().is_empty() { (&other, &one) } else { (&one, &other) };
    let mut held = home.feeds();
    let mut busy = Vec::new();
    while away.questions().is_empty() {
        assert!(busy.len() < 9, "it stays, however busy its server is");
        let generation = ask(&remote, session("a")).await.unwrap();
        busy.push((generation, held.try_recv().ok()));
    }
    assert!(busy.len() > 2, "a little more to do does not move it");
}

#[tokio::test]
async fn a_dying_server_loses_no_question() {
    let [one, other] = two().await;
    let remote = start(&patient(&[&one, &other])).await;
    for number in 0..40 {
        if number == 10 {
            other.answer(|_| Reply::events(&[text("Still"), end("stop")]));
        }
        answer(&remote, session(&number.to_string())).await.unwrap();
    }
    drop(one);
    for number in 0..40 {
        assert_eq!(answer(&remote, session(&number.to_string())).await.unwrap().text, "Still");
    }
    assert_eq!(remote.status(), Status::Ready);
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let [one, other] = two().await;
    let remote = start(&patient(&[&one, &other])).await;
    let address = one.address();
    drop(one);
    for _ in 0..6 {
        answer(&remote, Options::default()).await.unwrap();
    }
    let one = Stub::start_at(Kind::LlamaServer, address).await;
    soon("it was asked how it is", || !one.requests("/props").is_empty()).await;
    soon_asked(&remote, &one).await;
}

#[tokio::test]
async fn servers_that_are_down_hold_up_readiness_and_not_the_start() {
    let (address, url) = nowhere().await;
    let base = config(&[]);
    let remote_config = RemoteConfig { urls: vec![url], ..base.remote };
    let remote = start(&Config { remote: remote_config, ..base }).await;
    let Status::Down(cause) = remote.status() else { panic!("{:?}", remote.status()) };
    assert!(cause.contains(&address.to_string()), "{cause}");
    for refused in [
        answer(&remote, Options::default()).await.err(),
        remote.describe().await.err(),
        remote.count_tokens(crate::harness::chat("x")).await.err(),
    ] {
        assert!(matches!(refused, Some(Error::Unavailable(_))), "{refused:?}");
    }
    let stub = Stub::start_at(Kind::LlamaServer, address).await;
    soon("it is ready", || remote.status() == Status::Ready).await;
    assert_eq!(answer(&remote, Options::default()).await.unwrap().text, "Hi");
    drop(stub);
    soon("it is down", || matches!(remote.status(), Status::Down(_))).await;
}

#[tokio::test]
async fn a_server_that_is_late_to_say_how_it_is_goes_on_and_one_that_is_gone_is_down() {
    let stub = Stub::start(Kind::Vllm).await;
    let remote = start(&config(&[&stub])).await;
    stub.mute();
    let asked = stub.requests("/v1/models").len();
    // It is asked a second time once it was late the first time.
    soon("it was late", || stub.requests("/v1/models").len() >= asked + 2).await;
    assert_eq!(remote.status(), Status::Ready);
    assert_eq!(answer(&remote, Options::default()).await.unwrap().text, "Hi");
    drop(stub);
    soon("it is down", || matches!(remote.status(), Status::Down(_))).await;
}

#[tokio::test]
async fn a_question_waits_until_it_is_known_how_the_servers_are() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let remote = Remote::start(&config(&[&stub])).unwrap();
    assert_eq!(answer(&remote, Options::default()).await.unwrap().text, "Hi");
}

#[tokio::test]
async fn a_server_that_says_it_is_full_is_left_alone_for_a_while() {
    let [full, free] = two().await;
    full.answer(|_| Reply::json(429, &json!({})).with("retry-after", "30"));
    let remote = start(&patient(&[&full, &free])).await;
    for _ in 0..20 {
        assert_eq!(answer(&remote, Options::default()).await.unwrap().text, "Hi");
    }
    assert!(full.questions().len() <= 1);
}

#[tokio::test]
async fn another_kind_of_server_at_the_same_address_is_spoken_to_in_its_own_way() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let address = stub.address();
    let remote = start(&config(&[&stub])).await;
    assert_eq!(remote.describe().await.unwrap().context_length, 1024);
    drop(stub);
    let stub = Stub::start_at(Kind::Vllm, address).await;
    soon("it is known", || !stub.requests("/tokenize").is_empty()).await;
    while remote.describe().await.map(|model| model.context_length) != Ok(512) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    answer(&remote, Options::default()).await.unwrap();
    assert_eq!(stub.questions()[0]["repetition_penalty"], 1.0);
}

/// Asks until the server gets a question.
async fn soon_asked(remote: &Remote, stub: &Stub) {
    for _ in 0..2000 {
        assert!(answer(remote, Options::default()).await.is_ok());
        if !stub.questions().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the server is not used again");
}
