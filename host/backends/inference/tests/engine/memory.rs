//! What happens where there is no memory for what is wanted.

#![expect(clippy::unwrap_used, reason = "a test that cannot start its other half has failed")]

use std::{env, fs, process::Command};

use crate::harness::{config, engine, greedy, in_a_minute, long_prompt, run, session};
use corral_inference::{Config, Engine, Error, Input, KvType, Options};

/// KiB of address space that the other half of the test may have: the model and its contexts fit.
const LIMIT: &str = "3000000";
/// A context of so many sequences of 2,048 tokens does not: it would take 11 GiB.
const TOO_MANY: u32 = 256;
/// A state of so many tokens, of 45 KiB each, takes more than the 64 MiB that a thread's heap may have set aside, and
/// more than the ballast leaves.
const TOKENS: usize = 1700;
const BALLAST: usize = 8 << 20;

#[test]
fn an_engine_survives_allocations_that_fail() {
    let limited = format!("ulimit -v {LIMIT} && exec \"$@\"");
    let ended = Command::new("sh")
        .args(["-c", &limited, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "memory::child_that_has_little_memory", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && told.contains("1 passed"), "{}: {told}", ended.status);
}

#[tokio::test]
#[ignore = "the other half of an_engine_survives_allocations_that_fail, which starts it"]
async fn child_that_has_little_memory() {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    if limits.lines().any(|line| line.starts_with("Max address space") && line.contains("unlimited")) {
        return;
    }
    no_context_fits().await;
    no_state_can_be_copied().await;
    no_answer_is_longer_than_its_context().await;
}

/// Then the engine says so, and others can be started.
async fn no_context_fits() {
    let engine = Engine::start(Config { parallel: TOO_MANY, n_ctx: 2048, ..config() }).unwrap();
    let Err(Error::Unavailable(reason)) = engine.ready().await else { panic!("it took 11 GiB") };
    assert!(reason.contains("context"), "{reason}");
    engine.stop().await;
}

/// Then it is lost, and nothing else is.
async fn no_state_can_be_copied() {
    let sizes = Config { parallel: 1, n_ctx: 2048, n_ubatch: 256, kv_type: KvType::F32, ..config() };
    let engine = engine(sizes).await;
    let ask = async |id: &str, prompt: String| {
        let options = Options { owner: session(id), ..greedy(2) };
        run(&engine, Input::Prompt(prompt), options).await.usage
    };
    ask("first", long_prompt(TOKENS)).await;
    let mut ballast = Vec::new();
    loop {
        let mut some = Vec::<u8>::new();
        match some.try_reserve_exact(BALLAST) {
            Ok(()) => ballast.push(some),
            Err(_full) => break,
        }
    }
    ballast.pop();
    assert_eq!(ask("second", "One, two,".into()).await.completion_tokens, 2);
    drop(ballast);
    let again = ask("first", long_prompt(TOKENS)).await;
    assert_eq!((again.cached_tokens, again.completion_tokens), (0, 2), "its state could not be kept");
    // With memory, it is.
    ask("second", "One, two,".into()).await;
    assert!(ask("first", long_prompt(TOKENS)).await.cached_tokens > 0);
    assert!(engine.generate(Input::Prompt("x".into()), greedy(1), in_a_minute()).await.is_ok());
}

/// Then what it remembers of itself for the penalties is no longer either: 2^31 tokens would take 8 GiB.
async fn no_answer_is_longer_than_its_context() {
    let engine = engine(Config { parallel: 1, ..config() }).await;
    let asked = i32::MAX.cast_unsigned();
    let options = Options { presence_penalty: Some(0.1), stop: vec![" ".into()], ..greedy(asked) };
    run(&engine, Input::Prompt("Once".into()), options).await;
}
