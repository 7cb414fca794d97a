//! Who is next when there are more jobs than slots.

use std::sync::{Arc, Mutex};

use crate::harness::{config, engine, greedy, in_a_minute, run, soon};
use corral_inference::{Config, Engine, Error, Event, Generation, Input, Options};

async fn ask(engine: &Engine, principal: &str, tokens: u32) -> Result<Generation, Error> {
    let options = Options { principal: Some(principal.into()), ..greedy(tokens) };
    engine.generate(Input::Prompt("One, two,".into()), options, in_a_minute()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_once_is_not_behind_all_of_whoever_asks_often() {
    let engine = engine(Config { parallel: 1, ..config() }).await;
    let mut held = ask(&engine, "busy", 400).await.unwrap();
    held.next(1).await.unwrap();
    let ended = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for principal in ["busy", "busy", "busy", "quiet"] {
        let (mut generation, ended) = (ask(&engine, principal, 3).await.unwrap(), ended.clone());
        waiting.push(tokio::spawn(async move {
            while !generation.next(9).await.unwrap().iter().any(|event| matches!(event, Event::Done { .. })) {
            }
            ended.lock().unwrap().push(principal);
        }));
    }
    drop(held);
    for one in waiting {
        one.await.unwrap();
    }
    assert_eq!(*ended.lock().unwrap(), ["quiet", "busy", "busy", "busy"]);
}

#[tokio::test]
async fn a_full_queue_makes_room_for_whoever_has_nothing_in_it() {
    let engine = engine(Config { parallel: 1, queue: 3, ..config() }).await;
    let mut held = ask(&engine, "busy", 400).await.unwrap();
    held.next(1).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(ask(&engine, "busy", 3).await.unwrap());
    }
    assert!(matches!(ask(&engine, "busy", 3).await, Err(Error::Overloaded { .. })));
    let mut quiet = ask(&engine, "quiet", 3).await.unwrap();
    let mut last = waiting.pop().unwrap();
    assert!(matches!(last.next(1).await, Err(Error::Overloaded { .. })), "it made room");
    drop(held);
    for mut generation in waiting {
        generation.next(1).await.unwrap();
    }
    quiet.next(1).await.unwrap();
    soon("all are done", || engine.load().running + engine.load().queued == 0).await;
    assert_eq!(run(&engine, Input::Prompt("x".into()), greedy(1)).await.usage.completion_tokens, 1);
}
