//! A model on a graphics processor: `make test-vulkan` has Mesa's software driver play one.
//!
//! It is slow and computes a little differently: what is tested is that layers go there and that what comes back is
//! what the processor computes, within bounds. It is there twice, so that models can be spread.

#![expect(clippy::unwrap_used, reason = "a test that cannot start its engine has failed")]

use corral_inference::{
    Config, Engine, Error, Event, FlashAttention, Input, Kind, Options, Owner, Scored, Split, Status, devices,
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
        devices: vec!["Vulkan0".into()],
        ..Config::default()
    }
}

/// On both.
fn spread(split: Split, tensor_split: &[f32]) -> Config {
    let flash_attention = if split == Split::Tensor { FlashAttention::On } else { FlashAttention::Off };
    Config { devices: Vec::new(), split, tensor_split: tensor_split.to_vec(), flash_attention, ..config() }
}

const PROMPT: &str = "The capital of France is";

async fn start(config: Config) -> Engine {
    let engine = Engine::start(config).unwrap();
    engine.ready().await.unwrap();
    assert_eq!(engine.status(), Status::Ready);
    engine
}

/// The tokens of a greedy answer, with their odds.
async fn answer(config: Config) -> Vec<Scored> {
    ask(&start(config).await, PROMPT, None).await.0
}

/// The same, for a session if there is one, and how many tokens of the prompt were known.
async fn ask(engine: &Engine, prompt: &str, session: Option<&str>) -> (Vec<Scored>, u32) {
    let options = Options {
        max_tokens: Some(TOKENS),
        temperature: Some(0.0),
        log_probabilities: Some(3),
        owner: session.map(|id| Owner::Session(id.into())),
        ..Options::default()
    };
    let deadline = Instant::now() + Duration::from_mins(5);
    let mut generation = engine.generate(Input::Prompt(prompt.into()), options, deadline).await.unwrap();
    let mut scored = Vec::new();
    loop {
        for event in generation.next(16).await.unwrap() {
            match event {
                Event::Scored(tokens) => scored.extend(tokens),
                Event::Delta(_) | Event::Call(_) => {}
                Event::Done { usage, .. } => return (scored, usage.cached_tokens),
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
    start(config).await.stop().await;
    log.text().split_off(before)
}

#[test]
fn there_are_graphics_processors() {
    let devices = devices().unwrap();
    let gpus: Vec<_> = devices.iter().filter(|device| device.kind == Kind::Gpu).collect();
    assert_eq!(gpus.len(), 2, "GGML_VK_VISIBLE_DEVICES names it twice: {devices:?}");
    assert!(gpus.iter().all(|gpu| gpu.name.starts_with("Vulkan") && gpu.memory > 0), "{gpus:?}");
}

/// The numbers in MiB after `words`, one for each line that has them.
fn mebibytes(log: &str, words: &str) -> Vec<f64> {
    let after = log.lines().filter_map(|line| line.split_once(words));
    after
        .map(|(_, rest)| rest.trim_start_matches([' ', '=']).split(' ').next().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_layers_there_say_what_the_processor_says() {
    let there = answer(Config { n_gpu_layers: -1, require_gpu: true, ..config() }).await;
    agrees_with_the_processor(&there).await;
}

async fn agrees_with_the_processor(there: &[Scored]) {
    let here = answer(Config { n_gpu_layers: 0, ..config() }).await;
    agree(there, &here);
}

fn agree(there: &[Scored], here: &[Scored]) {
    assert_eq!(there.len(), here.len());
    for (there, here) in there.iter().zip(here) {
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
async fn layers_are_spread_in_the_proportions_of_the_settings() {
    for (tensor_split, layers) in [([3.0, 1.0], [24.0, 6.0]), ([1.0, 3.0], [8.0, 22.0])] {
        let log = loading(spread(Split::Layer, &tensor_split)).await;
        let of_each =
            |words: &str| ["Vulkan0", "Vulkan1"].map(|name| mebibytes(&log, &format!("{name} {words}")));
        let [first, second] = of_each("KV buffer size");
        // Keys and values of a layer: 256 tokens, 3 heads of 64 of each, 2 bytes.
        let expected = layers.map(|layers| vec![layers * 256.0 * 3.0 * 128.0 * 2.0 / 1_048_576.0]);
        for (told, expected) in [first, second].iter().zip(&expected) {
            assert!((told[0] - expected[0]).abs() < 0.01, "{told:?} {expected:?}: {log}");
        }
        // What was computed before is what llama.cpp took, but for what it rounds up.
        let computed =
            ["Vulkan0", "Vulkan1"].map(|name| mebibytes(&log, &format!("gets device=\"{name}\" weights=\"")));
        let computed = computed.concat();
        let took = of_each("model buffer size").concat();
        assert_eq!(computed.len(), 2, "{log}");
        for (computed, took) in computed.iter().zip(&took) {
            assert!((computed - took).abs() < 1.5, "{computed} {took}: {log}");
        }
    }
    let there = answer(spread(Split::Layer, &[3.0, 1.0])).await;
    agrees_with_the_processor(&there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_are_computed_by_all_together() {
    // With one of three heads on the first, and two on the second; the other way about, Mesa's driver breaks down.
    let there = answer(spread(Split::Tensor, &[1.0, 2.0])).await;
    agrees_with_the_processor(&there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_go_on_from_their_states() {
    for split in [Split::Layer, Split::Tensor] {
        let engine = start(spread(split, &[])).await;
        // There is one slot, so the first one's state goes to the machine's memory and comes back.
        let prompt = format!(
            "The capital of Spain is Madrid, that of Portugal is Lisbon, that of Greece is Athens. {PROMPT}"
        );
        let (_, cached) = ask(&engine, &prompt, Some("first")).await;
        assert_eq!(cached, 0);
        ask(&engine, "One, two, three, four, five, six,", Some("second")).await;
        let longer = format!("{prompt} Paris, and that of Italy is");
        let (there, cached) = ask(&engine, &longer, Some("first")).await;
        assert!(cached >= 20, "{split:?}: {cached}");
        engine.stop().await;
        let (here, _) = ask(&start(Config { n_gpu_layers: 0, ..config() }).await, &longer, None).await;
        agree(&there, &here);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_fit_there_is_refused_before_it_is_loaded() {
    let most = devices()
        .unwrap()
        .iter()
        .filter(|device| device.kind == Kind::Gpu)
        .map(|gpu| gpu.free)
        .max()
        .unwrap();
    // Keys and values of a token take 22.5 KiB.
    let parallel = 256;
    let n_ctx = u32::try_from(most / (22 << 10) / u64::from(parallel)).unwrap() + 1;
    let engine = Engine::start(Config { n_ctx, parallel, n_batch: 256, ..config() }).unwrap();
    let Err(Error::Unavailable(reason)) = engine.ready().await else { panic!("it was taken") };
    assert!(reason.contains("MiB of Vulkan0's memory"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_not_there_is_refused_with_those_that_are() {
    let engine = Engine::start(Config { devices: vec!["CUDA7".into()], ..config() }).unwrap();
    let Err(Error::Unavailable(reason)) = engine.ready().await else { panic!("it was taken") };
    assert!(reason.contains("CUDA7") && reason.contains("Vulkan0"), "{reason}");
}
