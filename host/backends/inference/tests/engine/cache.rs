//! What the KV cache keeps, and for whom, with the real small model.

use std::time::Duration;

use crate::harness::{chat, client, config, engine, greedy, in_a_minute, long_prompt, run, session, soon};
use bytesize::ByteSize;
use corral_inference::{Config, Error, Event, Input, Options, Owner, Role};

#[tokio::test]
async fn a_session_reuses_its_own_cache() {
    let engine = engine(config()).await;
    let fresh = run(&engine, Input::Prompt(long_prompt(60)), greedy(8)).await;
    let options = || Options { owner: session("a"), ..greedy(8) };
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
        for owner in [session("a"), session("b"), client("a"), client("b"), None, None] {
            let options = Options { owner: owner.clone(), ..greedy(4) };
            let answer = run(&engine, Input::Prompt(long_prompt(60)), options).await;
            assert_eq!(answer.usage.cached_tokens, 0, "{owner:?} of {parallel}");
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
    let options = || Options { owner: session("a"), ..greedy(16) };
    let system = (Role::System, "Answer in one sentence.");
    let with_documents = "Documents: Bo is a horse. Horses eat hay. Question: Who is Bo?";
    let first = run(&engine, chat(&[system, (Role::User, with_documents)]), options()).await;
    let turn = [system, (Role::User, "Who is Bo?"), (Role::Assistant, first.text.as_str())];
    let transcript = engine.count_tokens(chat(&turn)).await.unwrap();
    engine.prepare(chat(&turn), Owner::Session("a".into())).await.unwrap();
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
    engine.prepare(Input::Prompt(long_prompt(1500)), Owner::Session("a".into())).await.unwrap();
    soon("it prepares", || engine.load().kv_tokens > 0).await;
    let answer = run(&engine, Input::Prompt("Hello".into()), greedy(2)).await;
    assert!(answer.usage.total_ms < 5_000, "{:?}", answer.usage);
}

#[tokio::test]
async fn what_is_kept_for_whom_is_told() {
    let engine = engine(config()).await;
    let options = |owner, limit| Options { owner, ..greedy(limit) };
    let prompt = || Input::Prompt(long_prompt(60));
    run(&engine, prompt(), options(session("b"), 2)).await;
    run(&engine, prompt(), options(session("a"), 2)).await;
    run(&engine, prompt(), options(None, 2)).await;
    assert_eq!(engine.resting().await, ["a", "b"].map(|id| Owner::Session(id.into())));
    let mut running = engine.generate(prompt(), options(session("a"), 400), in_a_minute()).await.unwrap();
    running.next(1).await.unwrap();
    assert_eq!(engine.resting().await, [Owner::Session("b".into())], "one that is answered is not at rest");
    engine.forget(&Owner::Session("b".into())).await;
    assert!(engine.resting().await.is_empty());
}

#[tokio::test]
async fn forgetting_clears_the_cache_and_cancels_the_sessions_jobs() {
    let engine = engine(Config { parallel: 1, ..config() }).await;
    let options = |limit| Options { owner: session("a"), ..greedy(limit) };
    let prompt = || Input::Prompt(long_prompt(60));
    let mut running = engine.generate(prompt(), options(400), in_a_minute()).await.unwrap();
    running.next(1).await.unwrap();
    let mut queued = engine.generate(prompt(), options(4), in_a_minute()).await.unwrap();
    engine.forget(&Owner::Session("a".into())).await;
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

/// A conversation of so many turns about one thing, as it grows.
fn growing(subject: &str, turns: usize) -> Input {
    let question = format!("Tell me about {subject}, please, in a few words.");
    let pair = [(Role::User, question.as_str()), (Role::Assistant, "They are large and live in herds.")];
    let before = std::iter::repeat_n(pair, turns).flatten();
    chat(&before.chain([(Role::User, question.as_str())]).collect::<Vec<_>>())
}

#[tokio::test]
async fn conversations_beyond_the_slots_go_on_where_they_were() {
    let engine = engine(Config { parallel: 1, n_ctx: 1024, ..config() }).await;
    let owners = [session("a"), session("b"), client("c")];
    let mut told = vec![0; owners.len()];
    for turn in 0..3 {
        for (index, owner) in owners.iter().enumerate() {
            let input = || growing(["horses", "elephants", "camels"][index], turn);
            let fresh = run(&engine, input(), greedy(8)).await;
            let answer = run(&engine, input(), Options { owner: owner.clone(), ..greedy(8) }).await;
            assert_eq!(answer.text, fresh.text, "{owner:?} in turn {turn}");
            assert!(turn == 0 || answer.usage.cached_tokens + 8 >= told[index], "{:?}", answer.usage);
            told[index] = answer.usage.prompt_tokens;
        }
    }
    assert!(engine.load().cache_bytes > 0);
}

#[tokio::test]
async fn a_clients_conversations_do_not_push_each_other_out() {
    let engine = engine(Config { parallel: 1, n_ctx: 1024, ..config() }).await;
    let ask = async |subject, turns| {
        run(&engine, growing(subject, turns), Options { owner: client("c"), ..greedy(4) }).await.usage
    };
    ask("horses", 1).await;
    ask("elephants", 1).await;
    let horses = ask("horses", 2).await;
    let elephants = ask("elephants", 2).await;
    for usage in [horses, elephants] {
        assert!(usage.cached_tokens * 2 > usage.prompt_tokens, "{usage:?}");
    }
}

#[tokio::test]
async fn what_is_kept_beyond_the_slots_is_bounded_and_may_be_nothing() {
    for limit in [0, 3_000_000] {
        let engine = engine(Config { parallel: 1, cache_bytes: ByteSize(limit), ..config() }).await;
        for id in ["a", "b", "c", "d"] {
            run(&engine, Input::Prompt(long_prompt(60)), Options { owner: session(id), ..greedy(2) }).await;
        }
        assert!(engine.load().cache_bytes <= limit && (limit == 0 || engine.load().cache_bytes > 0));
        let options = Options { owner: session("a"), ..greedy(2) };
        let first = run(&engine, Input::Prompt(long_prompt(60)), options.clone()).await;
        assert_eq!(first.usage.cached_tokens, 0, "the least recently used went first");
        let again = run(&engine, Input::Prompt(long_prompt(60)), options).await;
        assert!(again.usage.cached_tokens > 50, "what is in the slot is of use all the same");
    }
}

#[tokio::test]
async fn what_is_forgotten_is_not_kept_beyond_the_slots_either() {
    let engine = engine(Config { parallel: 1, ..config() }).await;
    let ask = async |id| {
        let options = Options { owner: session(id), ..greedy(2) };
        run(&engine, Input::Prompt(long_prompt(60)), options).await.usage.cached_tokens
    };
    assert_eq!((ask("a").await, ask("b").await), (0, 0));
    assert_eq!(engine.resting().await, ["a", "b"].map(|id| Owner::Session(id.into())));
    let kept = engine.load().cache_bytes;
    engine.forget(&Owner::Session("a".into())).await;
    assert!(kept > 0 && engine.load().cache_bytes == 0);
    assert_eq!(ask("a").await, 0);
    assert!(ask("b").await > 50, "the other one's is still there");
}

#[tokio::test]
async fn what_a_client_leaves_alone_goes_after_a_while() {
    let engine = engine(Config { parallel: 1, cache_age: Duration::ZERO, ..config() }).await;
    for owner in [client("a"), client("b"), session("c"), client("d")] {
        run(&engine, Input::Prompt(long_prompt(60)), Options { owner, ..greedy(2) }).await;
    }
    assert_eq!(engine.resting().await, [Owner::Session("c".into())]);
    soon("the last one's slot is empty", || engine.load().kv_tokens == 0).await;
}

const SYSTEM: &str = "You are the keeper of a large stable with forty horses. Answer briefly, be kind to those who ask, \
    and never promise anything that you do not know for certain.";

fn asked(system: &str, question: &str) -> Input {
    chat(&[(Role::System, system), (Role::User, question)])
}

#[tokio::test]
async fn a_system_prompt_is_computed_once_for_everyone() {
    let engine = engine(config()).await;
    let ask = async |owner, system: &str, question: &str| {
        run(&engine, asked(system, question), Options { owner, ..greedy(12) }).await
    };
    let system = engine.count_tokens(chat(&[(Role::System, SYSTEM), (Role::User, "")])).await.unwrap();
    let first = ask(session("a"), SYSTEM, "What do horses eat?").await;
    assert_eq!(first.usage.cached_tokens, 0);
    let second = ask(session("b"), SYSTEM, "How old do they get?").await;
    let shared = second.usage.cached_tokens;
    assert!(shared > 30 && shared < system, "{shared} of {system}");
    let third = ask(client("c"), SYSTEM, "What do horses eat?").await;
    assert_eq!(third.usage.cached_tokens, shared, "and nothing of another one's question");
    assert_eq!(third.text, first.text);
    assert_eq!(ask(None, SYSTEM, "What do horses eat?").await.usage.cached_tokens, shared);
}

#[tokio::test]
async fn a_system_prompt_that_begins_like_another_one_tells_nothing_of_it() {
    let engine = engine(config()).await;
    let ask = async |id, system: &str| {
        let options = Options { owner: session(id), ..greedy(2) };
        run(&engine, asked(system, "What do horses eat?"), options).await.usage.cached_tokens
    };
    ask("a", &format!("{SYSTEM} The gate's code is 4711.")).await;
    assert_eq!(ask("b", &format!("{SYSTEM} The gate's code is 4712.")).await, 0);
    assert_eq!(ask("c", SYSTEM).await, 0, "nor does what both begin with");
}

#[tokio::test]
async fn what_the_memory_has_no_room_for_comes_back_from_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (spill_folder, cache_bytes) = (Some(folder.path().join("states")), ByteSize(3_000_000));
    let engine = engine(Config { parallel: 1, spill_folder, cache_bytes, ..config() }).await;
    let ask = async |id| {
        let options = Options { owner: session(id), ..greedy(4) };
        run(&engine, Input::Prompt(long_prompt(60)), options).await
    };
    let first = ask("a").await;
    for id in ["b", "c", "d"] {
        ask(id).await;
    }
    assert!(engine.load().spilled_bytes > 0, "{:?}", engine.load());
    let again = ask("a").await;
    assert!(again.usage.cached_tokens > 50, "{:?}", again.usage);
    assert_eq!(again.text, first.text);
    assert_eq!(engine.resting().await, ["a", "b", "c", "d"].map(|id| Owner::Session(id.into())));
    for id in ["a", "b", "c", "d"] {
        engine.forget(&Owner::Session(id.into())).await;
    }
    let load = engine.load();
    assert_eq!((load.spilled_bytes, load.cache_bytes, load.kv_tokens), (0, 0, 0));
}
