//! What callers see of a server that refuses, fails or talks nonsense.

use std::time::Duration;

use corral_inference::{Config, Error, Event, Options, RemoteConfig};
use serde_json::{Value, json};

use crate::{
    harness::{answer, ask, config, remote, start, whole},
    stub::{Feeds, Kind, Reply, Stub, end, text},
};

const SECRET: &str = "what a person typed";

/// The error of a question that this reply is the answer to.
async fn failure(reply: impl Fn() -> Reply + Send + 'static) -> Error {
    let stub = Stub::start(Kind::LlamaServer).await;
    stub.answer(move |_| reply());
    let Err(error) = answer(&remote(&[&stub]).await, Options::default()).await else {
        panic!("there was an answer");
    };
    assert_eq!(stub.questions().len(), 1, "no second try was allowed");
    if let Error::Unavailable(cause) = &error {
        assert!(!cause.contains(SECRET), "{cause}");
    }
    error
}

fn told(message: &str, code: u16) -> Value {
    json!({"error": {"message": message, "type": "some_error", "code": code}})
}

#[tokio::test]
async fn every_status_has_its_error() {
    let status = |code: u16| failure(move || Reply::json(code, &told(SECRET, code)));
    for code in [400, 413, 422] {
        assert_eq!(status(code).await, Error::InvalidArgument(SECRET.into()), "{code}");
    }
    for (code, word) in [
        (401, "key_file"),
        (403, "key_file"),
        (404, "inference.remote.model"),
        (301, "redirections"),
        (500, "500 some_error"),
        (502, "502"),
    ] {
        let error = status(code).await;
        assert!(matches!(&error, Error::Unavailable(cause) if cause.contains(word)), "{code}: {error:?}");
    }
    for (code, retry_after, expected) in [(429, "7", 7), (503, "9999999", 3600), (503, "soon", 1)] {
        let reply = move || Reply::json(code, &told(SECRET, code)).with("retry-after", retry_after);
        let retry_after = Duration::from_secs(expected);
        assert_eq!(failure(reply).await, Error::Overloaded { retry_after });
    }
}

#[tokio::test]
async fn an_overflow_comes_back_with_both_counts() {
    let body = json!({"error": {"code": 400, "type": "exceed_context_size_error", "message": "too long",
        "n_prompt_tokens": 2731, "n_ctx": 512}});
    let error = failure(move || Reply::json(400, &body)).await;
    assert_eq!(error, Error::ContextOverflow { need: 2731, have: 511 });
}

#[tokio::test]
async fn an_answer_that_was_asked_too_long_is_asked_shorter() {
    let vllm = "This model's maximum context length is 600 tokens. However, you requested 700 tokens (500 in \
        the messages, 200 in the completion). Please reduce the length of the messages or completion.";
    let sglang = "Requested token count exceeds the model's maximum context length of 600 tokens. You \
        requested a total of 700 tokens: 500 tokens from the input messages and 200 tokens for the completion.";
    let ways: [fn(&Value) -> Reply; 2] =
        [|refusal| Reply::json(400, refusal), |refusal| Reply::events(std::slice::from_ref(refusal))];
    for (words, refuse) in [(vllm, ways[0]), (vllm, ways[1]), (sglang, ways[0]), (sglang, ways[1])] {
        let stub = Stub::start(Kind::Plain).await;
        stub.answer(move |seen| match seen.body["max_tokens"].as_u64() {
            // It refuses what would fill the context.
            Some(..100) => Reply::events(&[text("Hi"), end("length")]),
            _ => refuse(&told(words, 400)),
        });
        let remote = remote(&[&stub]).await;
        let options = Options { max_tokens: Some(200), ..Options::default() };
        assert_eq!(answer(&remote, options).await.unwrap().text, "Hi", "{words}");
        assert_eq!(stub.questions()[1]["max_tokens"], 99);
    }
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let other = Stub::start(Kind::LlamaServer).await;
    let url = format!("{}/chat/completions", other.url());
    let error = failure(move || Reply::json(307, &json!({})).with("location", &url)).await;
    assert!(matches!(error, Error::Unavailable(_)));
    assert!(other.requests("").is_empty());
}

#[tokio::test]
async fn nonsense_is_unavailable_and_not_repeated() {
    let whole = text("Hi").to_string();
    for stream in [
        format!("data: {SECRET}\n\n"),
        format!("data: {{\"choices\": \"{SECRET}\"}}\n\n"),
        format!("data: {}\n\n", "[".repeat(10_000)),
        "data: {\"choices\":[{\"delta\":{\"content\":7}}]}\n\n".to_owned(),
        "data: [DONE]\n\n".to_owned(),
        String::new(),
        SECRET.to_owned(),
        format!("data: {}\n\n", "x".repeat(1 << 20)),
        format!("data: {whole}\n\n"),
        format!("data: {whole}\n\ndata: {SECRET}\n\n"),
        format!("data: {whole}\n\ndata: [DONE]\n\n"),
        format!("data: {whole}\n\ndata: {}\n\n", end("abort")),
    ] {
        let error = failure({
            let stream = stream.clone();
            move || Reply::stream(stream.clone())
        })
        .await;
        assert!(matches!(error, Error::Unavailable(_)), "{error:?} for {}", &stream[..stream.len().min(99)]);
    }
    let error = failure(|| Reply::stream(b"data: {\"choices\":[{\"text\":\"\xff\"}]}\n\n".as_slice())).await;
    assert!(matches!(error, Error::Unavailable(_)));
    let error = failure(|| Reply::json(200, &json!({"choices": [{"message": {"content": SECRET}}]}))).await;
    assert!(matches!(&error, Error::Unavailable(cause) if cause.contains("stream")), "{error:?}");
}

#[tokio::test]
async fn an_endless_answer_ends() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.feeds();
    let remote = remote(&[&stub]).await;
    let asked = tokio::spawn(async move { answer(&remote, Options::default()).await });
    let feeder = feeds.recv().await.unwrap();
    feeder.event(&text("Hi"));
    for _ in 0..65 {
        feeder.raw(&b":\n".repeat(1 << 19));
    }
    assert!(matches!(asked.await.unwrap().err(), Some(Error::Unavailable(_))));
    feeder.abandoned().await;
}

#[tokio::test]
async fn an_error_within_the_stream_is_the_answers() {
    let refused = told("no such grammar", 400);
    let error = failure(move || Reply::events(std::slice::from_ref(&refused))).await;
    assert_eq!(error, Error::InvalidArgument("no such grammar".into()));
    let broken = told(SECRET, 500);
    let error = failure(move || Reply::events(&[text("Hi"), broken.clone()])).await;
    assert!(matches!(&error, Error::Unavailable(cause) if cause.contains("some_error")), "{error:?}");
}

/// Settings with short times.
fn impatient(stub: &Stub) -> Config {
    let base = config(&[stub]);
    let times = RemoteConfig {
        first_token_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(300),
        ..base.remote
    };
    Config { remote: times, ..base }
}

#[tokio::test]
async fn a_server_that_gives_no_token_is_given_up() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let remote = start(&impatient(&stub)).await;
    let ways: [fn(&Stub) -> Feeds; 2] = [Stub::feeds, Stub::late_feeds];
    for feeds in ways {
        let mut feeds = feeds(&stub);
        let asking = remote.clone();
        let asked = tokio::spawn(async move { answer(&asking, Options::default()).await });
        let feeder = feeds.recv().await.unwrap();
        let error = asked.await.unwrap().err();
        assert_eq!(error, Some(Error::Overloaded { retry_after: Duration::from_secs(1) }));
        feeder.abandoned().await;
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_with_what_it_said() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.feeds();
    let remote = start(&impatient(&stub)).await;
    let mut generation = ask(&remote, Options::default()).await.unwrap();
    let feeder = feeds.recv().await.unwrap();
    feeder.event(&text("Hi"));
    assert_eq!(generation.next(1).await.unwrap(), [Event::Delta("Hi".into())]);
    // A sign of life is no token.
    feeder.raw(b": still there\n\n");
    let error = whole(generation).await.err();
    assert!(matches!(&error, Some(Error::Unavailable(cause)) if cause.contains("silent")), "{error:?}");
    feeder.abandoned().await;
}

#[tokio::test]
async fn what_a_server_says_late_comes_with_the_events() {
    // Longer than a call waits for a server to take the request.
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.late_feeds();
    let remote = remote(&[&stub]).await;
    let generation = ask(&remote, Options::default()).await.unwrap();
    let feeder = feeds.recv().await.unwrap();
    feeder.event(&told("no such grammar", 400));
    assert_eq!(whole(generation).await.err(), Some(Error::InvalidArgument("no such grammar".into())));
}
