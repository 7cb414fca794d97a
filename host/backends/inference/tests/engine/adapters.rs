//! LoRA adapters by name, made here at random: what they say does not matter, that it is different does.

#![expect(clippy::unwrap_used, reason = "a test that cannot ask its engine has failed")]

use std::{collections::BTreeMap, fs, io::Write, path::Path};

use crate::harness::{config, engine, greedy, in_a_minute, run, session};
use corral_inference::{Adapter, Config, Error, Input, Options};

const RANK: u64 = 4;
/// The small model's width.
const WIDTH: u64 = 576;
const ALIGNMENT: usize = 32;

/// An adapter in the format of llama.cpp's `convert_lora_to_gguf.py`, for the queries of the first layers.
fn write(path: &Path, seed: u32) {
    let mut file = Vec::new();
    let text = |file: &mut Vec<u8>, text: &str| {
        file.write_all(&(text.len() as u64).to_le_bytes()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let tensors: Vec<(String, [u64; 2])> = (0..8)
        .flat_map(|layer| {
            let name = |side| format!("blk.{layer}.attn_q.weight.lora_{side}");
            [(name("a"), [WIDTH, RANK]), (name("b"), [RANK, WIDTH])]
        })
        .collect();
    file.extend(b"GGUF");
    file.extend(3_u32.to_le_bytes());
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend(4_u64.to_le_bytes());
    let (string, float) = (8_u32, 6_u32);
    for (key, value) in
        [("general.type", "adapter"), ("general.architecture", "llama"), ("adapter.type", "lora")]
    {
        text(&mut file, key);
        file.extend(string.to_le_bytes());
        text(&mut file, value);
    }
    text(&mut file, "adapter.lora.alpha");
    file.extend(float.to_le_bytes());
    file.extend((RANK as f32).to_le_bytes());
    let mut offset = 0_u64;
    for (name, [columns, rows]) in &tensors {
        text(&mut file, name);
        file.extend(2_u32.to_le_bytes());
        file.extend(columns.to_le_bytes());
        file.extend(rows.to_le_bytes());
        file.extend(0_u32.to_le_bytes());
        file.extend(offset.to_le_bytes());
        offset += columns * rows * 4;
    }
    file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    let mut state = seed;
    for _ in 0..offset / 4 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let number = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
        file.extend((number * 2.0).to_le_bytes());
    }
    fs::write(path, file).unwrap();
}

fn with_adapters(folder: &Path) -> Config {
    let adapter = |name: &str, seed, scale| {
        let path = folder.join(format!("{name}.gguf"));
        write(&path, seed);
        (name.to_owned(), Adapter { path, scale })
    };
    let adapters = [adapter("loud", 1, 1.0), adapter("other", 2, 1.0), adapter("silent", 3, 0.0)];
    Config { adapters: BTreeMap::from(adapters), ..config() }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_job_is_answered_with_its_own_adapter() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(with_adapters(folder.path())).await;
    assert_eq!(engine.describe().unwrap().adapters, ["loud", "other", "silent"]);
    let ask = |adapter: Option<&str>| {
        let (engine, options) = (engine.clone(), Options { adapter: adapter.map(Into::into), ..greedy(16) });
        async move { run(&engine, Input::Prompt("The capital of France is".into()), options).await.text }
    };
    let plain = ask(None).await;
    let (loud, other) = (ask(Some("loud")).await, ask(Some("other")).await);
    assert!(loud != plain && other != plain && loud != other, "{plain:?} {loud:?} {other:?}");
    assert_eq!(ask(Some("silent")).await, plain, "its scale is 0");
    // At the same time, and still each with its own.
    let (a, b, c) = tokio::join!(ask(None), ask(Some("loud")), ask(Some("other")));
    assert_eq!((a, b, c), (plain, loud, other));
}

#[tokio::test]
async fn what_was_computed_with_one_adapter_serves_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(with_adapters(folder.path())).await;
    let prompt = || Input::Prompt("The capital of France is a large city with a river.".into());
    let ask = async |adapter: Option<&str>| {
        let options = Options { adapter: adapter.map(Into::into), owner: session("a"), ..greedy(2) };
        run(&engine, prompt(), options).await.usage.cached_tokens
    };
    assert_eq!((ask(None).await, ask(Some("loud")).await), (0, 0));
    assert!(ask(Some("loud")).await > 0);
}

#[tokio::test]
async fn an_adapter_that_is_not_there_is_refused_by_name() {
    let engine = engine(config()).await;
    let options = Options { adapter: Some("pirate".into()), ..greedy(1) };
    let refused = engine.generate(Input::Prompt("x".into()), options, in_a_minute()).await.err();
    assert!(matches!(refused, Some(Error::InvalidArgument(what)) if what.contains("pirate")));
    let missing = Adapter { path: "no/such.gguf".into(), scale: 1.0 };
    let config = Config { adapters: BTreeMap::from([("pirate".into(), missing)]), ..config() };
    let engine = corral_inference::Engine::start(config).unwrap();
    let Err(Error::Unavailable(reason)) = engine.ready().await else { panic!("it loaded") };
    assert!(reason.contains("pirate") && reason.contains("no/such.gguf"), "{reason}");
}
