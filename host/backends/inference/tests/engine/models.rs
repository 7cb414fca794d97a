//! Several models by name, loaded and unloaded while others answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot ask its engine has failed")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::harness::{config, greedy, in_a_minute};
use corral_inference::{Config, Constraint, Error, Event, Generation, Input, Models, Options, Owner, Status};

/// A default model, one that is loaded too, and one that is not.
fn several() -> Config {
    let further = |load| Config { parallel: 1, n_ctx: 256, n_batch: 128, load, ..config() };
    let models = [("small".to_owned(), further(true)), ("spare".to_owned(), further(false))];
    Config { models: BTreeMap::from(models), name: Some("main".into()), ..config() }
}

async fn ask(models: &Models, name: Option<&str>, options: Options) -> Result<Generation, Error> {
    models.generate(name, Input::Prompt("One, two,".into()), options, in_a_minute()).await
}

async fn finish(mut generation: Generation) {
    while !generation.next(16).await.unwrap().iter().any(|event| matches!(event, Event::Done { .. })) {}
}

async fn names(models: &Models) -> Vec<String> {
    models.ready_ones().await.into_iter().map(|model| model.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_chosen_loaded_and_unloaded_by_name() {
    let models = Models::start(several()).unwrap();
    models.ready().await.unwrap();
    assert_eq!(names(&models).await, ["main", "small"]);
    assert_eq!(models.describe(None).await.unwrap().name, "main");
    assert_eq!(models.describe(Some("small")).await.unwrap().context_length, 256);
    assert_eq!(models.describe(Some("spare")).await, Err(Error::NoSuchModel));
    assert_eq!(models.describe(Some("other")).await, Err(Error::NoSuchModel));
    for name in [None, Some("main"), Some("small")] {
        finish(ask(&models, name, greedy(3)).await.unwrap()).await;
    }
    models.load("spare").await.unwrap();
    assert_eq!(names(&models).await, ["main", "small", "spare"]);
    finish(ask(&models, Some("spare"), greedy(3)).await.unwrap()).await;

    // One that still answers is not found any more, and answers to the end.
    let mut under_way = ask(&models, Some("small"), greedy(40)).await.unwrap();
    under_way.next(1).await.unwrap();
    let (unloading, other) = (models.clone(), models.clone());
    let unloaded = tokio::spawn(async move { unloading.unload("small", in_a_minute()).await });
    while names(&models).await.contains(&"small".to_owned()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&models, Some("small"), greedy(1)).await.err(), Some(Error::NoSuchModel));
    finish(ask(&other, None, greedy(2)).await.unwrap()).await;
    finish(under_way).await;
    unloaded.await.unwrap().unwrap();
    let small = models.list().into_iter().find(|listed| listed.name == "small").unwrap();
    assert_eq!(small.status, None);
    models.stop().await;
}

#[tokio::test]
async fn an_answer_that_was_asked_for_before_the_unloading_comes_to_its_end() {
    let models = Models::start(several()).unwrap();
    models.ready().await.unwrap();
    // A grammar is made by another thread, so the unloading begins while neither the queue nor a slot has the job.
    let grammar = Some(Constraint::Grammar("root ::= [a-z ]+".into()));
    let answer = async {
        let generation = ask(&models, Some("small"), Options { constraint: grammar, ..greedy(8) }).await;
        finish(generation.unwrap()).await;
    };
    let (_, unloaded) = tokio::join!(answer, models.unload("small", in_a_minute()));
    unloaded.unwrap();
    models.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_outlasts_the_unloading_is_ended() {
    let models = Models::start(several()).unwrap();
    models.ready().await.unwrap();
    let mut long = ask(&models, Some("small"), greedy(200)).await.unwrap();
    long.next(1).await.unwrap();
    models.unload("small", Instant::now() + Duration::from_millis(1)).await.unwrap();
    let ended = loop {
        match long.next(64).await {
            Ok(events) => assert!(!events.iter().any(|event| matches!(event, Event::Done { .. }))),
            Err(error) => break error,
        }
    };
    assert!(matches!(ended, Error::Unavailable(_)));
    models.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_forgotten_in_every_model() {
    let models = Models::start(several()).unwrap();
    models.ready().await.unwrap();
    let owner = Owner::Session("a".into());
    for name in [None, Some("small")] {
        let options = Options { owner: Some(owner.clone()), ..greedy(20) };
        finish(ask(&models, name, options).await.unwrap()).await;
    }
    assert_eq!(models.resting().await.into_iter().collect::<Vec<_>>(), std::slice::from_ref(&owner));
    models.forget(&owner).await;
    assert!(models.resting().await.is_empty());
    assert!(models.list().iter().all(|listed| listed.load.kv_tokens == 0 && listed.load.cache_bytes == 0));
    models.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_with_a_name_is_refused() {
    let models = Models::start(several()).unwrap();
    models.ready().await.unwrap();
    assert_eq!(models.load("other").await, Err(Error::NoSuchModel));
    assert_eq!(models.unload("other", in_a_minute()).await, Err(Error::NoSuchModel));
    assert!(matches!(models.unload("main", in_a_minute()).await, Err(Error::InvalidArgument(_))));
    assert!(
        models.list().iter().all(|listed| listed.name == "spare" || listed.status == Some(Status::Ready))
    );
    let twice = Config { name: Some("small".into()), ..several() };
    let refused = Models::start(twice).unwrap_err().to_string();
    assert!(refused.contains("inference.models.small"), "{refused}");
    models.stop().await;
}
