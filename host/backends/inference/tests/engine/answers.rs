//! Answers: alike, side by side, bounded, cancelled and refused.

use std::time::{Duration, Instant};

use crate::harness::{chat, config, engine, greedy, in_a_minute, long_prompt, run, soon};
use corral_inference::{
    Config, Engine, Error, Finish, Generation, Input, Options, Owner, Role, Status, Template,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_loaded_engine_describes_its_model() {
    let engine = Engine::start(config()).unwrap();
    engine.ready().await.unwrap();
    assert_eq!(engine.status(), Status::Ready);
    let model = engine.describe().unwrap();
    assert_eq!((model.name.as_str(), model.context_length), ("smollm2-135m-instruct-q4_1", 512));
    assert_eq!(model.template, Template::Embedded);
    let load = engine.load();
    assert_eq!((load.slots, load.kv_capacity, load.queued, load.running), (4, 2048, 0, 0));
}

#[tokio::test]
async fn the_same_question_has_the_same_answer() {
    let engine = engine(config()).await;
    let question = || Input::Prompt("The capital of France is".into());
    let one = run(&engine, question(), greedy(24)).await;
    let two = run(&engine, question(), greedy(24)).await;
    assert!(one.text.contains("Paris"), "{}", one.text);
    assert_eq!(one.text, two.text);
    let seeded = || Options { seed: Some(7), temperature: Some(1.0), ..greedy(24) };
    let three = run(&engine, question(), seeded()).await;
    let four = run(&engine, question(), seeded()).await;
    assert_eq!(three.text, four.text);
    assert_ne!(one.text, three.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_staggered_answers_equal_their_single_runs() {
    let engine = engine(config()).await;
    let inputs = [
        chat(&[(Role::User, "Tell me about horses.")]),
        Input::Prompt(long_prompt(150)),
        chat(&[(Role::System, "You are a pirate."), (Role::User, "Count to ten.")]),
        Input::Prompt("Once upon a time".into()),
    ];
    let mut alone = Vec::new();
    for input in &inputs {
        alone.push(run(&engine, input.clone(), greedy(32)).await.text);
    }
    let mut together = Vec::new();
    for (index, input) in inputs.into_iter().enumerate() {
        let engine = engine.clone();
        together.push(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(40 * index as u64)).await;
            run(&engine, input, greedy(32)).await.text
        }));
    }
    for (alone, together) in alone.into_iter().zip(together) {
        assert_eq!(together.await.unwrap(), alone);
    }
}

/// Drops an answer, and counts the steps that are still computed. The one under way may be.
async fn drop_within_a_step(engine: &Engine, answer: Generation) {
    drop(answer);
    let before = engine.load().steps;
    soon("the slot is free", || engine.load().running == 0).await;
    let steps = engine.load().steps - before;
    assert!(steps <= 1, "{steps} steps for nobody");
}

#[tokio::test]
async fn dropping_frees_the_slot_within_a_step_in_every_phase() {
    let engine = engine(Config { parallel: 1, n_ctx: 2048, n_batch: 64, ..config() }).await;
    let start = |input| engine.generate(input, greedy(1000), in_a_minute());
    // In decoding.
    let mut decoding = start(Input::Prompt("One, two,".into())).await.unwrap();
    decoding.next(1).await.unwrap();
    // In the queue.
    let queued = start(Input::Prompt("Three,".into())).await.unwrap();
    assert_eq!((engine.load().running, engine.load().queued), (1, 1));
    drop(queued);
    assert_eq!(engine.load().queued, 0);
    drop_within_a_step(&engine, decoding).await;
    // In reading the prompt.
    let reading = start(Input::Prompt(long_prompt(1500))).await.unwrap();
    soon("it reads", || (1..1500).contains(&engine.load().kv_tokens)).await;
    drop_within_a_step(&engine, reading).await;
    assert_eq!(run(&engine, Input::Prompt("Hello".into()), greedy(2)).await.usage.completion_tokens, 2);
}

#[tokio::test]
async fn a_full_queue_says_when_to_return() {
    let engine = engine(Config { parallel: 1, queue: 1, ..config() }).await;
    let start = || engine.generate(Input::Prompt("One, two,".into()), greedy(400), in_a_minute());
    let mut running = start().await.unwrap();
    running.next(1).await.unwrap();
    let _queued = start().await.unwrap();
    let Err(Error::Overloaded { retry_after }) = start().await else { panic!("it was taken") };
    assert!(retry_after >= Duration::from_secs(1) && retry_after <= Duration::from_secs(300));
    drop(running);
    soon("the next one runs", || engine.load().queued == 0).await;
    assert!(start().await.is_ok());
}

#[tokio::test]
async fn a_deadline_ends_every_phase() {
    let engine = engine(Config { parallel: 1, n_ctx: 2048, n_batch: 64, ..config() }).await;
    let in_millis = |millis| Instant::now() + Duration::from_millis(millis);
    let past = engine.generate(Input::Prompt("x".into()), greedy(9), Instant::now()).await;
    assert_eq!(past.err(), Some(Error::Deadline));
    let mut decoding =
        engine.generate(Input::Prompt("One, two,".into()), greedy(1500), in_millis(700)).await.unwrap();
    let mut queued = engine.generate(Input::Prompt("x".into()), greedy(9), in_millis(200)).await.unwrap();
    let began = Instant::now();
    assert_eq!(queued.next(1).await, Err(Error::Deadline));
    assert!(began.elapsed() < Duration::from_secs(2));
    let ended = loop {
        if let Err(error) = decoding.next(64).await {
            break error;
        }
    };
    assert_eq!(ended, Error::Deadline);
    let mut reading =
        engine.generate(Input::Prompt(long_prompt(1800)), greedy(9), in_millis(300)).await.unwrap();
    assert_eq!(reading.next(1).await, Err(Error::Deadline));
    soon("the slot is free", || engine.load().running == 0).await;
}

#[tokio::test]
async fn a_prompt_without_room_is_refused_with_both_counts() {
    let engine = engine(config()).await;
    let prompt = Input::Prompt(long_prompt(600));
    let need = engine.count_tokens(prompt.clone()).await.unwrap();
    let refused = engine.generate(prompt, greedy(9), in_a_minute()).await.err();
    assert_eq!(refused, Some(Error::ContextOverflow { need, have: 511 }));
}

#[tokio::test]
async fn an_answer_ends_at_its_limit_or_where_the_context_does() {
    let engine = engine(config()).await;
    let short = run(&engine, Input::Prompt("One, two, three,".into()), greedy(5)).await;
    assert_eq!((short.finish, short.usage.completion_tokens), (Finish::Length, 5));
    let full = run(&engine, Input::Prompt(long_prompt(490)), greedy(400)).await;
    assert_eq!(full.finish, Finish::Length);
    assert_eq!(full.usage.prompt_tokens + full.usage.completion_tokens, 512);
    let stopped = run(&engine, chat(&[(Role::User, "Say only: yes")]), greedy(200)).await;
    assert_eq!(stopped.finish, Finish::Stop);
}

#[tokio::test]
async fn a_stop_string_ends_the_answer_across_tokens() {
    let engine = engine(config()).await;
    let input = || chat(&[(Role::User, "Who wrote Hamlet?")]);
    let whole = run(&engine, input(), greedy(24)).await.text;
    // From the middle of one word to the middle of another: no token has all of it.
    let space = whole.match_indices(' ').nth(3).unwrap().0;
    let stop = whole[space - 1..space + 2].to_owned();
    let expected = &whole[..whole.find(&stop).unwrap()];
    let answer = run(&engine, input(), Options { stop: vec!["zzz".into(), stop], ..greedy(24) }).await;
    assert_eq!((answer.text.as_str(), answer.finish), (expected, Finish::Stop));
}

#[tokio::test]
async fn a_long_prompt_does_not_stall_an_answer() {
    let engine = engine(Config { n_ctx: 2048, n_batch: 64, ..config() }).await;
    let mut talking =
        engine.generate(Input::Prompt("One, two,".into()), greedy(2000), in_a_minute()).await.unwrap();
    talking.next(1).await.unwrap();
    let mut reading =
        engine.generate(Input::Prompt(long_prompt(1500)), greedy(1), in_a_minute()).await.unwrap();
    soon("it reads", || engine.load().running == 2).await;
    let mut tokens = 0;
    loop {
        tokio::select! {
            biased;
            answered = reading.next(1) => break drop(answered.unwrap()),
            more = talking.next(1) => tokens += more.unwrap().len(),
        }
    }
    assert!(tokens >= 8, "only {tokens} while the long prompt was read");
}

#[tokio::test]
async fn stopping_ends_every_answer() {
    let engine = engine(config()).await;
    let mut running =
        engine.generate(Input::Prompt("One, two,".into()), greedy(400), in_a_minute()).await.unwrap();
    running.next(1).await.unwrap();
    engine.stop().await;
    let ended = loop {
        if let Err(error) = running.next(64).await {
            break error;
        }
    };
    assert!(matches!(ended, Error::Unavailable(_)));
    assert!(matches!(engine.status(), Status::Failed(_)));
    assert!(matches!(engine.ready().await, Err(Error::Unavailable(_))));
    let refused = engine.generate(Input::Prompt("x".into()), greedy(1), in_a_minute()).await;
    assert!(matches!(refused.err(), Some(Error::Unavailable(_))));
    engine.forget(&Owner::Session("a".into())).await;
}

#[tokio::test]
async fn a_missing_or_broken_model_says_what_to_do() {
    let missing = Config { model: "no/such.gguf".into(), ..config() };
    let message = Engine::start(missing).unwrap_err().to_string();
    assert!(message.contains("no/such.gguf") && message.contains("make setup"), "{message}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "GGUF? no").unwrap();
    let engine = Engine::start(Config { model: file.path().into(), ..config() }).unwrap();
    let Err(Error::Unavailable(reason)) = engine.ready().await else { panic!("it loaded") };
    assert!(reason.contains(&file.path().display().to_string()), "{reason}");
    assert_eq!(engine.status(), Status::Failed(reason));
}
