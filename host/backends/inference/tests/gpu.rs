//! A model on a graphics processor: `make test-vulkan` has Mesa's software driver play one.
//!
//! It is slow and computes a little differently: what is tested is that layers go there and that what comes back is
//! what the processor computes, within bounds.

#![expect(clippy::unwrap_used, reason = "a test that cannot start its engine has failed")]

use corral_inference::{
    Config, Engine, Error, Event, FlashAttention, Input, Kind, Options, Scored, Status, devices,
};
use std::{
    io::{self, Write},
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

const MODEL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.corral/models/smollm2-135m-instruct-q4_1.gguf");
/// How far a token's log-probability may be from the processor's.
const TOLERANCE: f32 = 0.15;
const TOKENS: u32 = 4;

fn config() -> Config {
    Config {
        model: MODEL.into(),
        n_ctx: 256,
        n_batch: 64,
        n_ubatch: 64,
        parallel: 1,
        threads: 1,
        flash_attention: FlashAttention::Off,
        ..Config::default()
    }
}

/// The tokens of a greedy answer, with their odds.
async fn answer(config: Config) -> Vec<Scored> {
    let engine = Engine::start(config).unwrap();
    engine.ready().await.unwrap();
    assert_eq!(engine.status(), Status::Ready);
    let options = Options {
        max_tokens: Some(TOKENS),
        temperature: Some(0.0),
        log_probabilities: Some(3),
        ..Options::default()
    };
    let deadline = Instant::now() + Duration::from_mins(5);
    let input = Input::Prompt("The capital of France is".into());
    let mut generation = engine.generate(input, options, deadline).await.unwrap();
    let mut scored = Vec::new();
    loop {
        for event in generation.next(16).await.unwrap() {
            match event {
                Event::Scored(tokens) => scored.extend(tokens),
                Event::Delta(_) | Event::Call(_) => {}
                Event::Done { .. } => return scored,
            }
        }
    }
}

/// What llama.cpp and the engine have logged so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The one of this process.
    fn get() -> Self {
        static LOG: LazyLock<Log> = LazyLock::new(|| {
            let log = Log::default();
            let writer = log.clone();
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
            log
        });
        LOG.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged while a model is loaded.
async fn loading(config: Config) -> String {
    let log = Log::get();
    let before = log.text().len();
    let engine = Engine::start(config).unwrap();
    engine.ready().await.unwrap();
    engine.stop().await;
    log.text().split_off(before)
}

#[test]
fn there_is_a_graphics_processor() {
    let devices = devices().unwrap();
    let gpus: Vec<_> = devices.iter().filter(|device| device.kind == Kind::Gpu).collect();
    assert_eq!(gpus.len(), 1, "{devices:?}");
    assert!(gpus[0].name.starts_with("Vulkan") && gpus[0].memory > 0, "{gpus:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_layers_there_say_what_the_processor_says() {
    let there = answer(Config { n_gpu_layers: -1, require_gpu: true, ..config() }).await;
    let here = answer(Config { n_gpu_layers: 0, ..config() }).await;
    assert_eq!(there.len(), here.len());
    for (there, here) in there.iter().zip(&here) {
        assert_eq!(there.chosen.id, here.chosen.id, "{there:?} {here:?}");
        let apart = (there.chosen.log_probability - here.chosen.log_probability).abs();
        assert!(apart < TOLERANCE, "{apart}: {there:?} {here:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_layers_go_there_as_the_settings_say() {
    // Mesa's driver does not tell what it has free; llama.cpp tells what it has put where. The output is a layer too.
    for (n_gpu_layers, told) in
        [(-1, "offloaded 31/31 layers"), (10, "offloaded 10/31 layers"), (0, "offloaded 0/31 layers")]
    {
        let log = loading(Config { n_gpu_layers, ..config() }).await;
        assert!(log.contains(told), "{n_gpu_layers}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_not_there_is_refused_with_those_that_are() {
    let engine = Engine::start(Config { devices: vec!["CUDA7".into()], ..config() }).unwrap();
    let Err(Error::Unavailable(reason)) = engine.ready().await else { panic!("it was taken") };
    assert!(reason.contains("CUDA7") && reason.contains("Vulkan0"), "{reason}");
}
