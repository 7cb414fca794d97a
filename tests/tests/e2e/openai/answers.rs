//! Answers to conversations that the client keeps.

use super::{COMPLETIONS, EMBEDDING_MODEL, MODEL, asked, chunks, completed, content, with};
use anyhow::{Context, Result};
use e2e::{Host, Reply};
use reqwest::StatusCode;
use serde_json::{Value, json};

const QUESTION: &str = "What is a heron?";

#[tokio::test]
async fn every_model_is_listed_and_can_be_read() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let listed = Reply::of(client.get("/v1/models")).await?.body;
    let ids: Vec<_> =
        listed["data"].as_array().context("no data")?.iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, [MODEL, EMBEDDING_MODEL]);
    let read = Reply::of(client.get(&format!("/v1/models/{MODEL}"))).await?;
    assert_eq!((read.status, &read.body), (StatusCode::OK, &listed["data"][0]));
    let unknown = Reply::of(client.get("/v1/models/gpt-4")).await?;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.body["error"]["code"], "model_not_found");
    Ok(())
}

#[tokio::test]
async fn a_stream_and_a_whole_answer_are_the_same_and_usage_adds_up() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let whole = completed(&client, &asked(QUESTION)).await?;
    let body = with(asked(QUESTION), "stream_options", json!({ "include_usage": true }));
    let chunks = chunks(&client, &body).await?;
    let deltas = chunks.iter().filter_map(|chunk| chunk["choices"].get(0));
    let streamed: String = deltas.clone().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
    assert_eq!(content(&whole)?, streamed);
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let reasons: Vec<_> = deltas.filter_map(|choice| choice["finish_reason"].as_str()).collect();
    assert_eq!(reasons, [whole["choices"][0]["finish_reason"].as_str().context("no reason")?]);

    let last = chunks.last().context("no chunks")?;
    assert_eq!(last["choices"], json!([]));
    for usage in [&whole["usage"], &last["usage"]] {
        let tokens = |name: &str| usage[name].as_u64().unwrap_or_default();
        assert!(tokens("prompt_tokens") > 0 && tokens("completion_tokens") > 0, "{usage}");
        assert_eq!(tokens("prompt_tokens") + tokens("completion_tokens"), tokens("total_tokens"));
    }
    assert_eq!(whole["usage"]["total_tokens"], last["usage"]["total_tokens"]);
    for name in ["id", "created", "model"] {
        assert!(chunks.iter().all(|chunk| chunk[name] == chunks[0][name]), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn a_growing_conversation_is_read_once_and_only_for_whose_it_is() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let of = |user: &str, messages: &Value| {
        let body = with(asked(""), "user", json!(user));
        with(body, "messages", messages.clone())
    };
    let cached = |answer: &Value| answer["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64();
    let mut messages = json!([
        { "role": "system", "content": "You are a guide at the bird park of Husum." },
        { "role": "user", "content": "Tell me of herons." },
    ]);
    let first = completed(&client, &of("ada", &messages)).await?;
    assert_eq!(cached(&first), Some(0), "{first}");
    let conversation = messages.as_array_mut().context("no list")?;
    // As it came: what is ours in it is no mistake when it comes back.
    conversation.push(first["choices"][0]["message"].clone());
    conversation.push(json!({ "role": "user", "content": "And where do they live?" }));

    let second = completed(&client, &of("ada", &messages)).await?;
    assert!(cached(&second).is_some_and(|tokens| tokens > 0), "nothing was reused: {second}");
    // The system prompt is everyone's, and no more than that is reused.
    let system = messages[0].clone();
    let stranger = json!([system, { "role": "user", "content": "What do owls eat?" }]);
    let stranger = completed(&client, &of("zoe", &stranger)).await?;
    let other = completed(&client, &of("grace", &messages)).await?;
    assert_eq!(cached(&other), cached(&stranger), "another user's cache was used: {other}");
    assert!(cached(&second) > cached(&stranger), "{second}");
    assert_eq!(content(&second)?, content(&other)?, "greedy answers differ");
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_slot() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let endless = with(asked("Tell me a long story about a heron."), "max_tokens", json!(1500));
    let streaming = with(endless, "stream", json!(true));
    let mut response = client.post(COMPLETIONS, &streaming).send().await?;
    response.chunk().await?.context("the stream ended")?;
    assert_eq!(host.metric("corral_inference_running").await?, Some(1.0));
    drop(response);

    host.until_metric("corral_inference_running", 0.0).await?;
    let generated = host.metric("corral_inference_generated_tokens_total").await?.context("no metric")?;
    assert!(generated < 1000.0, "{generated} tokens were generated for nobody");
    Ok(())
}
