//! When a question goes to a server again, and when it must not.

use std::time::{Duration, Instant};

use corral_inference::{Config, Error, Event, Options, RemoteConfig};
use serde_json::json;

use crate::{
    harness::{answer, ask, chat, config, start, whole},
    stub::{Kind, Reply, Stub, end, text},
};

/// Settings with this many retries.
fn patient(stubs: &[&Stub], retries: u32) -> Config {
    let base = config(stubs);
    Config { remote: RemoteConfig { retries, ..base.remote }, ..base }
}

fn hi() -> Reply {
    Reply::events(&[text("Hi"), end("stop")])
}

fn broken() -> Reply {
    Reply::json(500, &json!({"error": {"message": "no", "type": "server_error"}}))
}

#[tokio::test]
async fn a_server_that_failed_is_asked_again_up_to_the_limit() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let remote = start(&patient(&[&stub], 2)).await;
    let mut times = 0;
    stub.answer(move |_| {
        times += 1;
        if times < 3 { broken() } else { hi() }
    });
    assert_eq!(answer(&remote, Options::default()).await.unwrap().text, "Hi");
    assert_eq!(stub.questions().len(), 3);
    stub.answer(|_| broken());
    assert!(matches!(answer(&remote, Options::default()).await.err(), Some(Error::Unavailable(_))));
    assert_eq!(stub.questions().len(), 6);
}

#[tokio::test]
async fn before_the_first_token_another_server_is_asked() {
    let failures: [fn() -> Reply; 6] = [
        broken,
        || Reply::json(429, &json!({})),
        || Reply::json(404, &json!({})),
        || Reply::json(401, &json!({})),
        || Reply::stream("data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"),
        || Reply::stream("data: nonsense\n\n"),
    ];
    for failure in failures {
        let (bad, good) = (Stub::start(Kind::LlamaServer).await, Stub::start(Kind::LlamaServer).await);
        bad.answer(move |_| failure());
        let remote = start(&patient(&[&bad, &good], 1)).await;
        for _ in 0..8 {
            assert_eq!(answer(&remote, Options::default()).await.unwrap().text, "Hi");
        }
        assert_eq!(good.questions().len(), 8);
        assert!(bad.questions().len() < 8, "one that failed is left alone for a while");
    }
}

#[tokio::test]
async fn a_server_that_breaks_off_before_the_first_token_is_left_for_another() {
    let (bad, good) = (Stub::start(Kind::LlamaServer).await, Stub::start(Kind::LlamaServer).await);
    let mut feeds = bad.feeds();
    let remote = start(&patient(&[&bad, &good], 1)).await;
    let cutting = tokio::spawn(async move {
        while let Some(feeder) = feeds.recv().await {
            feeder.cut().await;
        }
    });
    for _ in 0..4 {
        assert_eq!(answer(&remote, Options::default()).await.unwrap().text, "Hi");
    }
    cutting.abort();
}

#[tokio::test]
async fn after_the_first_token_nothing_is_asked_again() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.feeds();
    let remote = start(&patient(&[&stub], 5)).await;
    let mut generation = ask(&remote, Options::default()).await.unwrap();
    let feeder = feeds.recv().await.unwrap();
    feeder.event(&text("Hi"));
    assert_eq!(generation.next(1).await.unwrap(), [Event::Delta("Hi".into())]);
    feeder.cut().await;
    assert!(matches!(whole(generation).await.err(), Some(Error::Unavailable(_))));
    assert_eq!(stub.questions().len(), 1);
}

#[tokio::test]
async fn what_every_server_would_refuse_is_asked_once() {
    for (status, body) in [
        (400, json!({"error": {"message": "no"}})),
        (400, json!({"error": {"type": "exceed_context_size_error"}})),
    ] {
        let stubs = [Stub::start(Kind::LlamaServer).await, Stub::start(Kind::LlamaServer).await];
        for stub in &stubs {
            let body = body.clone();
            stub.answer(move |_| Reply::json(status, &body));
        }
        let remote = start(&patient(&[&stubs[0], &stubs[1]], 5)).await;
        answer(&remote, Options::default()).await.err().unwrap();
        assert_eq!(stubs.iter().map(|stub| stub.questions().len()).sum::<usize>(), 1);
    }
}

#[tokio::test]
async fn a_full_server_that_is_alone_is_not_pressed() {
    let stub = Stub::start(Kind::LlamaServer).await;
    stub.answer(|_| Reply::json(503, &json!({})).with("retry-after", "3"));
    let remote = start(&patient(&[&stub], 5)).await;
    let refused = answer(&remote, Options::default()).await.err();
    assert_eq!(refused, Some(Error::Overloaded { retry_after: Duration::from_secs(3) }));
    assert_eq!(stub.questions().len(), 1);
}

#[tokio::test]
async fn a_late_server_is_left_for_another_and_not_asked_again() {
    let (late, good) = (Stub::start(Kind::LlamaServer).await, Stub::start(Kind::LlamaServer).await);
    let _held = late.feeds();
    let hasty = |stubs: &[&Stub]| {
        let base = patient(stubs, 5);
        let first_token_timeout = Duration::from_millis(300);
        Config { remote: RemoteConfig { first_token_timeout, ..base.remote }, ..base }
    };
    let alone = start(&hasty(&[&late])).await;
    let refused = answer(&alone, Options::default()).await.err();
    assert_eq!(refused, Some(Error::Overloaded { retry_after: Duration::from_secs(1) }));
    assert_eq!(late.questions().len(), 1, "its place in the queue is lost once");
    let both = start(&hasty(&[&late, &good])).await;
    while late.questions().len() < 2 {
        assert_eq!(answer(&both, Options::default()).await.unwrap().text, "Hi");
    }
}

#[tokio::test]
async fn no_try_begins_after_the_deadline() {
    let stub = Stub::start(Kind::LlamaServer).await;
    stub.answer(|_| broken());
    let remote = start(&patient(&[&stub], 10)).await;
    let deadline = Instant::now() + Duration::from_millis(300);
    let refused = remote.generate(chat("Hello"), Options::default(), deadline).await.err();
    assert_eq!(refused, Some(Error::Deadline));
    let asked = stub.questions().len();
    assert!((1..10).contains(&asked), "{asked}");
}
