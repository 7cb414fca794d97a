//! What ends an answer ends the request to the server, at once.

use std::time::{Duration, Instant};

use corral_inference::{Error, Event, Options, Status};

use crate::{
    harness::{answer, ask, chat, in_a_minute, remote, soon},
    stub::{Kind, Stub, text},
};

#[tokio::test]
async fn dropping_an_answer_reaches_the_server() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.feeds();
    let remote = remote(&[&stub]).await;
    let mut generation = ask(&remote, Options::default()).await.unwrap();
    let feeder = feeds.recv().await.unwrap();
    feeder.event(&text("Hi"));
    assert_eq!(generation.next(1).await.unwrap(), [Event::Delta("Hi".into())]);
    drop(generation);
    feeder.abandoned().await;
    soon("its place is free", || remote.load().running == 0).await;
}

#[tokio::test]
async fn dropping_it_before_the_first_token_reaches_the_server() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.feeds();
    let remote = remote(&[&stub]).await;
    let generation = ask(&remote, Options::default()).await.unwrap();
    let feeder = feeds.recv().await.unwrap();
    drop(generation);
    feeder.abandoned().await;
    soon("its place is free", || remote.load().queued == 0).await;
}

#[tokio::test]
async fn giving_the_call_up_reaches_the_server() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.late_feeds();
    let remote = remote(&[&stub]).await;
    let asking = remote.clone();
    let asked = tokio::spawn(async move { ask(&asking, Options::default()).await.map(drop) });
    let feeder = feeds.recv().await.unwrap();
    asked.abort();
    feeder.abandoned().await;
    soon("its place is free", || remote.load().queued == 0).await;
}

#[tokio::test]
async fn the_deadline_ends_the_request_too() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.feeds();
    let remote = remote(&[&stub]).await;
    let deadline = Instant::now() + Duration::from_millis(200);
    let mut generation = remote.generate(chat("Hello"), Options::default(), deadline).await.unwrap();
    let feeder = feeds.recv().await.unwrap();
    assert_eq!(generation.next(1).await, Err(Error::Deadline));
    feeder.abandoned().await;
}

#[tokio::test]
async fn stopping_ends_every_answer() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.feeds();
    let remote = remote(&[&stub]).await;
    let mut generation = ask(&remote, Options::default()).await.unwrap();
    let feeder = feeds.recv().await.unwrap();
    feeder.event(&text("Hi"));
    generation.next(1).await.unwrap();
    remote.stop();
    assert!(matches!(generation.next(1).await, Err(Error::Unavailable(_))));
    feeder.abandoned().await;
    assert!(matches!(remote.status(), Status::Failed(_)));
    assert!(matches!(remote.ready().await, Err(Error::Unavailable(_))));
    assert!(matches!(remote.describe().await, Err(Error::Unavailable(_))));
    assert!(matches!(answer(&remote, Options::default()).await.err(), Some(Error::Unavailable(_))));
    let late = remote.generate(chat("x"), Options::default(), in_a_minute()).await.err();
    assert!(matches!(late, Some(Error::Unavailable(_))));
}

#[tokio::test]
async fn the_last_handle_ends_the_answers() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.feeds();
    let remote = remote(&[&stub]).await;
    let mut generation = ask(&remote, Options::default()).await.unwrap();
    let feeder = feeds.recv().await.unwrap();
    drop(remote.clone());
    feeder.event(&text("Hi"));
    assert_eq!(generation.next(1).await.unwrap(), [Event::Delta("Hi".into())]);
    drop(remote);
    assert!(matches!(generation.next(1).await, Err(Error::Unavailable(_))));
    feeder.abandoned().await;
}
