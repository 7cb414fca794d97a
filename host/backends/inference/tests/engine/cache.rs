//! What the KV cache keeps, and for whom, with the real small model.

use crate::harness::{chat, config, engine, greedy, in_a_minute, long_prompt, run, soon};
use corral_inference::{Config, Error, Event, Input, Options, Role};

#[tokio::test]
async fn a_session_reuses_its_own_cache() {
    let engine = engine(config()).await;
    let fresh = run(&engine, Input::Prompt(long_prompt(60)), greedy(8)).await;
    let options = || Options { session: Some("a".into()), ..greedy(8) };
    let first = run(&engine, Input::Prompt(long_prompt(60)), options()).await;
    let second = run(&engine, Input::Prompt(long_prompt(60)), options()).await;
    assert_eq!((first.usage.cached_tokens, fresh.usage.cached_tokens), (0, 0));
    assert_eq!(second.usage.cached_tokens, second.usage.prompt_tokens - 1);
    assert_eq!((&first.text, &second.text), (&fresh.text, &fresh.text));
    // The beginning that differs is not reused.
    let other = format!("Unlike before. {}", long_prompt(60));
    assert!(run(&engine, Input::Prompt(other), options()).await.usage.cached_tokens < 3);
}

#[tokio::test]
async fn sessions_and_nobody_share_no_cache() {
    for parallel in [1, 4] {
        let engine = engine(Config { parallel, ..config() }).await;
        for session in [Some("a"), Some("b"), None, None] {
            let options = Options { session: session.map(Into::into), ..greedy(4) };
            let answer = run(&engine, Input::Prompt(long_prompt(60)), options).await;
            assert_eq!(answer.usage.cached_tokens, 0, "{session:?} of {parallel}");
        }
    }
}

#[tokio::test]
async fn what_nobody_owns_leaves_nothing() {
    let engine = engine(config()).await;
    run(&engine, Input::Prompt(long_prompt(60)), greedy(4)).await;
    soon("the cache is empty", || engine.load().kv_tokens == 0).await;
}

#[tokio::test]
async fn a_prepared_transcript_is_cached_for_the_next_turn() {
    let engine = engine(config()).await;
    let options = || Options { session: Some("a".into()), ..greedy(16) };
    let system = (Role::System, "Answer in one sentence.");
    let with_documents = "Documents: Bo is a horse. Horses eat hay. Question: Who is Bo?";
    let first = run(&engine, chat(&[system, (Role::User, with_documents)]), options()).await;
    let turn = [system, (Role::User, "Who is Bo?"), (Role::Assistant, first.text.as_str())];
    let transcript = engine.count_tokens(None, chat(&turn)).await.unwrap();
    engine.prepare(None, chat(&turn), "a").await.unwrap();
    soon("the transcript is read", || engine.load().kv_tokens == transcript).await;
    let question = chat(&[turn.as_slice(), &[(Role::User, "What does he eat?")]].concat());
    let second = run(&engine, question.clone(), options()).await;
    assert_eq!(second.usage.cached_tokens, transcript);
    assert!(second.usage.prompt_tokens > transcript);
    let fresh = run(&engine, question, greedy(16)).await;
    assert_eq!(second.text, fresh.text);
}

#[tokio::test]
async fn preparing_gives_way_to_jobs() {
    let engine = engine(Config { parallel: 1, n_ctx: 2048, n_batch: 64, ..config() }).await;
    engine.prepare(None, Input::Prompt(long_prompt(1500)), "a").await.unwrap();
    soon("it prepares", || engine.load().kv_tokens > 0).await;
    let answer = run(&engine, Input::Prompt("Hello".into()), greedy(2)).await;
    assert!(answer.usage.total_ms < 5_000, "{:?}", answer.usage);
}

#[tokio::test]
async fn what_is_kept_for_whom_is_told() {
    let engine = engine(config()).await;
    let options =
        |session: Option<&str>, limit| Options { session: session.map(Into::into), ..greedy(limit) };
    let prompt = || Input::Prompt(long_prompt(60));
    run(&engine, prompt(), options(Some("b"), 2)).await;
    run(&engine, prompt(), options(Some("a"), 2)).await;
    run(&engine, prompt(), options(None, 2)).await;
    assert_eq!(engine.sessions().await, ["a", "b"]);
    let mut running = engine.generate(None, prompt(), options(Some("a"), 400), in_a_minute()).await.unwrap();
    running.next(1).await.unwrap();
    assert_eq!(engine.sessions().await, ["b"], "one that is answered is not at rest");
    engine.forget("b").await;
    assert!(engine.sessions().await.is_empty());
}

#[tokio::test]
async fn forgetting_clears_the_cache_and_cancels_the_sessions_jobs() {
    let engine = engine(Config { parallel: 1, ..config() }).await;
    let options = |limit| Options { session: Some("a".into()), ..greedy(limit) };
    let prompt = || Input::Prompt(long_prompt(60));
    let mut running = engine.generate(None, prompt(), options(400), in_a_minute()).await.unwrap();
    running.next(1).await.unwrap();
    let mut queued = engine.generate(None, prompt(), options(4), in_a_minute()).await.unwrap();
    engine.forget("a").await;
    assert_eq!((engine.load().kv_tokens, engine.load().running, engine.load().queued), (0, 0, 0));
    assert!(matches!(queued.next(9).await, Err(Error::Unavailable(_))));
    let cancelled = loop {
        match running.next(64).await {
            Ok(events) => assert!(!events.iter().any(|event| matches!(event, Event::Done { .. }))),
            Err(error) => break error,
        }
    };
    assert!(matches!(cancelled, Error::Unavailable(_)));
    assert_eq!(run(&engine, prompt(), options(4)).await.usage.cached_tokens, 0);
}
