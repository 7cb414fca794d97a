//! What is asked, and what becomes of the answer.

use std::time::Instant;

use corral_inference::{
    Candidate, Config, Constraint, Error, Event, Finish, Input, Options, RemoteConfig, Scored, Status,
};
use serde_json::json;

use crate::{
    harness::{answer, ask, chat, config, in_a_minute, remote, soon, start, whole},
    stub::{Kind, Reply, Stub, end, text, usage},
};

#[tokio::test]
async fn an_answer_comes_in_pieces_and_ends_with_what_it_took() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let role = json!({"choices": [{"delta": {"role": "assistant", "content": null}, "finish_reason": null}]});
    let events = [role, text("Gu"), text("ten Tag"), end("length"), usage(12, 8, 2)];
    stub.answer(move |_| Reply::events(&events));
    let remote = remote(&[&stub]).await;
    let mut generation = ask(&remote, Options::default()).await.unwrap();
    let mut events = Vec::new();
    while events.last().is_none_or(|event| !matches!(event, Event::Done { .. })) {
        events.extend(generation.next(1).await.unwrap());
    }
    let Some(Event::Done { finish: Finish::Length, usage }) = events.pop() else { panic!("{events:?}") };
    assert_eq!(events, [Event::Delta("Gu".into()), Event::Delta("ten Tag".into())]);
    assert_eq!((usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens), (12, 8, 2));
    assert!(usage.queue_ms <= usage.first_token_ms && usage.first_token_ms <= usage.total_ms, "{usage:?}");
    assert_eq!(generation.next(1).await, Ok(Vec::new()));
    let load = remote.load();
    assert_eq!((load.prompt_tokens, load.cached_tokens, load.generated_tokens), (12, 8, 2));
    assert_eq!((load.queued, load.running, load.slots), (0, 0, 2));
    assert_eq!(remote.status(), Status::Ready);
}

#[tokio::test]
async fn a_chat_is_asked_with_key_model_defaults_and_options() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "s3cret\n").unwrap();
    let base = config(&[&stub]);
    let remote_config =
        RemoteConfig { key_file: Some(key.path().into()), model: Some("other".into()), ..base.remote };
    let remote = start(&Config { remote: remote_config, ..base }).await;
    answer(&remote, Options { seed: Some(7), max_tokens: Some(5), ..Options::default() }).await.unwrap();
    let seen = stub.requests("/v1/chat/completions");
    let [seen] = seen.as_slice() else { panic!("{seen:?}") };
    let expected = json!({
        "model": "other", "messages": [{"role": "user", "content": "Hello"}], "stream": true,
        "stream_options": {"include_usage": true}, "max_tokens": 5, "temperature": 0.7, "top_p": 0.95,
        "top_k": 40, "min_p": 0.05, "repeat_penalty": 1.0, "seed": 7, "cache_prompt": false,
    });
    assert_eq!(seen.body, expected);
    for path in ["/v1/models", "/props", "/v1/chat/completions"] {
        let seen = stub.requests(path);
        assert!(seen.iter().all(|seen| seen.headers["authorization"] == "Bearer s3cret"), "{path}");
    }
}

#[tokio::test]
async fn a_prompt_is_completed_as_it_is() {
    let stub = Stub::start(Kind::Vllm).await;
    let chunk = json!({"choices": [{"index": 0, "text": " four", "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 6, "completion_tokens": 1}});
    stub.answer(move |_| Reply::events(std::slice::from_ref(&chunk)));
    let remote = remote(&[&stub]).await;
    let prompt = Input::Prompt("One, two, three,".into());
    let constraint = Some(Constraint::Grammar("root ::= \" four\"".into()));
    let options = Options { constraint, log_probabilities: Some(0), ..Options::default() };
    let answer = whole(remote.generate(prompt, options, in_a_minute()).await.unwrap()).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.finish, answer.usage.prompt_tokens), (" four", Finish::Stop, 6));
    let question = &stub.questions()[0];
    assert_eq!(stub.requests("/v1/completions").len(), 1);
    assert_eq!(question["prompt"], "One, two, three,");
    assert_eq!(question["structured_outputs"]["grammar"], "root ::= \" four\"");
    assert_eq!(question["logprobs"], 0);
    assert!(question.get("messages").is_none());
}

#[tokio::test]
async fn characters_and_lines_may_come_in_any_pieces() {
    let stub = Stub::start(Kind::Plain).await;
    let mut feeds = stub.feeds();
    let remote = remote(&[&stub]).await;
    let asked = tokio::spawn(async move { answer(&remote, Options::default()).await });
    let feeder = feeds.recv().await.unwrap();
    // After a byte-order mark. Written out, for JSON as it is mostly written would escape these characters.
    let stream = "\u{feff}data: {\"choices\":[{\"delta\":{\"content\":\"é🐎\"}}]}\r\n\r\n: still there\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"\\ud83d\\udc0e\"},\"finish_reason\":\"stop\"}]}\n\n\
        data: [DONE]\n\n";
    for byte in stream.as_bytes() {
        feeder.raw(&[*byte]);
        tokio::task::yield_now().await;
    }
    let answer = asked.await.unwrap().unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("é🐎🐎", Finish::Stop));
    // This server tells no usage: pieces stand for tokens.
    assert_eq!((answer.usage.prompt_tokens, answer.usage.completion_tokens), (0, 2));
}

#[tokio::test]
async fn a_stop_string_that_the_server_lets_through_ends_the_answer_there_too() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let mut feeds = stub.feeds();
    let remote = remote(&[&stub]).await;
    let options = Options { stop: vec!["</end>".into(), "User:".into()], ..Options::default() };
    let asked = tokio::spawn(async move { answer(&remote, options).await });
    let feeder = feeds.recv().await.unwrap();
    for piece in ["Well", ". </", "en", "d>", " and on"] {
        feeder.event(&text(piece));
    }
    let answer = asked.await.unwrap().unwrap();
    assert_eq!((answer.text.as_str(), answer.finish), ("Well. ", Finish::Stop));
    feeder.abandoned().await;
    assert_eq!(stub.questions()[0]["stop"], json!(["</end>", "User:"]));
}

#[tokio::test]
async fn log_probabilities_come_before_their_text() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let token = json!({"id": 5, "token": "Hi", "bytes": [72, 105], "logprob": -0.5, "top_logprobs": [
        {"id": 5, "token": "Hi", "bytes": [72, 105], "logprob": -0.5}]});
    let mut chunk = text("Hi");
    chunk["choices"][0]["logprobs"] = json!({"content": [token]});
    stub.answer(move |_| Reply::events(&[chunk.clone(), end("stop")]));
    let remote = remote(&[&stub]).await;
    let mut generation =
        ask(&remote, Options { log_probabilities: Some(0), ..Options::default() }).await.unwrap();
    let chosen = Candidate { id: 5, bytes: b"Hi".into(), log_probability: -0.5 };
    let scored = Event::Scored(vec![Scored { chosen, likeliest: Vec::new() }]);
    assert_eq!(generation.next(1).await.unwrap(), [scored]);
    assert_eq!(generation.next(1).await.unwrap(), [Event::Delta("Hi".into())]);
    // llama-server tells none at all if it is asked for none beside the one chosen.
    let question = &stub.questions()[0];
    assert_eq!((&question["logprobs"], &question["top_logprobs"]), (&json!(true), &json!(1)));
}

#[tokio::test]
async fn an_answer_that_ended_is_whole_without_its_usage() {
    let stub = Stub::start(Kind::Plain).await;
    let mut feeds = stub.feeds();
    let remote = remote(&[&stub]).await;
    let asked = tokio::spawn(async move { answer(&remote, Options::default()).await });
    let feeder = feeds.recv().await.unwrap();
    feeder.event(&text("Hi"));
    feeder.event(&end("stop"));
    feeder.cut().await;
    let answer = asked.await.unwrap().unwrap();
    assert_eq!((answer.text.as_str(), answer.usage.completion_tokens), ("Hi", 1));
}

#[tokio::test]
async fn a_caller_who_does_not_listen_holds_no_server_up() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let pieces: Vec<_> = (0..40).map(|_| text("x")).chain([end("length"), usage(3, 0, 40)]).collect();
    stub.answer(move |_| Reply::events(&pieces));
    let remote = remote(&[&stub]).await;
    let generation = ask(&remote, Options { max_tokens: Some(40), ..Options::default() }).await.unwrap();
    soon("all of it was read", || remote.load().generated_tokens == 40).await;
    assert_eq!(whole(generation).await.unwrap().text, "x".repeat(40));
}

#[tokio::test]
async fn more_answers_than_the_queue_holds_do_not_wait() {
    let stub = Stub::start(Kind::Plain).await;
    let mut feeds = stub.feeds();
    let remote = start(&Config { queue: 1, ..config(&[&stub]) }).await;
    let (first, second) = (remote.clone(), remote.clone());
    let waiting = tokio::spawn(async move { answer(&first, Options::default()).await });
    let feeder = feeds.recv().await.unwrap();
    assert_eq!((remote.load().queued, remote.load().running), (1, 0));
    let refused = answer(&remote, Options::default()).await.err();
    assert!(matches!(refused, Some(Error::Overloaded { .. })), "{refused:?}");
    feeder.event(&text("Hi"));
    soon("it runs", || remote.load().running == 1 && remote.load().queued == 0).await;
    let other = tokio::spawn(async move { answer(&second, Options::default()).await });
    let second = feeds.recv().await.unwrap();
    for feeder in [feeder, second] {
        feeder.event(&end("stop"));
        feeder.raw(b"data: [DONE]\n\n");
    }
    assert_eq!(waiting.await.unwrap().unwrap().text, "Hi");
    assert_eq!(other.await.unwrap().unwrap().text, "");
}

#[tokio::test]
async fn what_cannot_be_asked_reaches_no_server() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let remote = remote(&[&stub]).await;
    let schema = Some(Constraint::JsonSchema("{".into()));
    for bad in [
        Options { max_tokens: Some(0), ..Options::default() },
        Options { constraint: schema, ..Options::default() },
        Options { adapter: Some("a".into()), ..Options::default() },
    ] {
        let refused = ask(&remote, bad.clone()).await.err();
        assert!(matches!(refused, Some(Error::InvalidArgument(_))), "{bad:?}: {refused:?}");
    }
    let refused = remote.generate(Input::Chat(Vec::new()), Options::default(), in_a_minute()).await.err();
    assert!(matches!(refused, Some(Error::InvalidArgument(_))), "{refused:?}");
    let late = remote.generate(chat("x"), Options::default(), Instant::now()).await.err();
    assert_eq!(late, Some(Error::Deadline));
    assert!(stub.questions().is_empty());
}
