//! Starts engines on the small model, and asks them.

#![expect(clippy::unwrap_used, reason = "a test that cannot start its engine has failed")]

use std::time::{Duration, Instant};

use corral_inference::{
    Config, Engine, Event, Finish, FlashAttention, Input, Message, Options, Owner, Role, Usage,
};

const MODEL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.corral/models/smollm2-135m-instruct-q4_1.gguf");

/// A whole answer.
pub struct Answer {
    pub text: String,
    pub finish: Finish,
    pub usage: Usage,
}

/// Settings under which results do not depend on batching (docs/inference.md).
pub fn config() -> Config {
    let flash_attention = FlashAttention::On;
    Config { n_ubatch: 32, flash_attention, ..as_it_comes() }
}

/// The default settings, on the small model.
pub fn as_it_comes() -> Config {
    assert!(std::path::Path::new(MODEL).exists(), "{MODEL} is missing: run `make setup`");
    Config { model: MODEL.into(), n_ctx: 512, threads: 1, ..Config::default() }
}

/// An engine that is ready.
pub async fn engine(config: Config) -> Engine {
    let engine = Engine::start(config).unwrap();
    engine.ready().await.unwrap();
    engine
}

/// A chat of these messages.
pub fn chat(messages: &[(Role, &str)]) -> Input {
    let message = |&(role, content): &(Role, &str)| Message { role, content: content.into() };
    Input::Chat(messages.iter().map(message).collect())
}

/// The likeliest tokens, up to `max_tokens`.
pub fn greedy(max_tokens: u32) -> Options {
    Options {
        max_tokens: Some(max_tokens),
        temperature: Some(0.0),
        repeat_penalty: Some(1.0),
        ..Options::default()
    }
}

/// A session as an owner.
pub fn session(id: &str) -> Option<Owner> {
    Some(Owner::Session(id.into()))
}

/// A client as an owner.
pub fn client(key: &str) -> Option<Owner> {
    Some(Owner::Client(key.into()))
}

/// A text of about so many tokens.
pub fn long_prompt(tokens: usize) -> String {
    let words = ["the", "horse", "ran", "over", "green", "hills", "and", "saw"];
    words.iter().cycle().take(tokens).map(|word| format!(" {word}")).collect()
}

/// The whole answer to `input`.
pub async fn run(engine: &Engine, input: Input, options: Options) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut generation = engine.generate(input, options, deadline).await.unwrap();
    let mut text = String::new();
    loop {
        for event in generation.next(16).await.unwrap() {
            match event {
                Event::Delta(delta) => text.push_str(&delta),
                Event::Scored(_) | Event::Call(_) => {}
                Event::Done { finish, usage } => return Answer { text, finish, usage },
            }
        }
    }
}

/// Waits until `condition` holds, for ten seconds at most.
pub async fn soon(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "not within ten seconds: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A deadline that is far away.
pub fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}
