//! Starts the back end on the servers of a test, and asks it.

#![expect(clippy::unwrap_used, reason = "a test that cannot start its servers has failed")]

use std::time::{Duration, Instant};

use corral_inference::{
    Backend, Config, Error, Event, Finish, Generation, Input, Message, Options, Owner, Remote, RemoteConfig,
    Role, Usage,
};

use crate::stub::Stub;

/// A whole answer.
pub struct Answer {
    pub text: String,
    pub finish: Finish,
    pub usage: Usage,
}

/// Settings for these servers: no second try.
pub fn config(stubs: &[&Stub]) -> Config {
    let remote = RemoteConfig {
        urls: stubs.iter().map(|stub| stub.url()).collect(),
        model: Some("m".into()),
        retries: 0,
        health_interval: Duration::from_millis(50),
        ..RemoteConfig::default()
    };
    Config { backend: Backend::Openai, remote, ..Config::default() }
}

/// The back end, once it knows its servers.
pub async fn start(config: &Config) -> Remote {
    let remote = Remote::start(config).unwrap();
    remote.ready().await.unwrap();
    remote
}

/// The back end on these servers.
pub async fn remote(stubs: &[&Stub]) -> Remote {
    start(&config(stubs)).await
}

/// A question of one message.
pub fn chat(content: &str) -> Input {
    Input::Chat(vec![Message { role: Role::User, content: content.into() }])
}

/// Options of a session.
pub fn session(id: &str) -> Options {
    Options { owner: Some(Owner::Session(id.into())), ..Options::default() }
}

/// The beginning of an answer.
pub async fn ask(remote: &Remote, options: Options) -> Result<Generation, Error> {
    remote.generate(chat("Hello"), options, in_a_minute()).await
}

/// The whole answer.
pub async fn answer(remote: &Remote, options: Options) -> Result<Answer, Error> {
    whole(ask(remote, options).await?).await
}

/// The rest of an answer.
pub async fn whole(mut generation: Generation) -> Result<Answer, Error> {
    let mut text = String::new();
    loop {
        for event in generation.next(16).await? {
            match event {
                Event::Delta(delta) => text.push_str(&delta),
                Event::Scored(_) | Event::Call(_) => {}
                Event::Done { finish, usage } => return Ok(Answer { text, finish, usage }),
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
