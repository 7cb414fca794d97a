//! Programs written for OpenAI's interface find it here.

mod answers;
mod clients;
mod embeddings;
mod options;
mod refusals;
mod sessions;
mod text;
mod tools;

use anyhow::{Context, Result};
use e2e::{Client, Reply};
use reqwest::StatusCode;
use serde_json::{Value, json};

const COMPLETIONS: &str = "/v1/chat/completions";
/// The names that runtime.toml's models have.
const MODEL: &str = "smollm2-135m-instruct-q4_1";
const EMBEDDING_MODEL: &str = "all-minilm-l6-v2";

/// A short greedy answer to one message.
fn asked(message: &str) -> Value {
    json!({
        "model": MODEL,
        "messages": [{ "role": "user", "content": message }],
        "temperature": 0,
        "max_tokens": 24,
    })
}

/// The same with something added.
fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

async fn completed(client: &Client, body: &Value) -> Result<Value> {
    let reply = Reply::of(client.post(COMPLETIONS, body)).await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    Ok(reply.body)
}

fn content(completion: &Value) -> Result<&str> {
    completion["choices"][0]["message"]["content"]
        .as_str()
        .with_context(|| format!("no content: {completion}"))
}

/// The chunks of a stream that ends as it should.
async fn chunks(client: &Client, body: &Value) -> Result<Vec<Value>> {
    let response = client.post(COMPLETIONS, &with(body.clone(), "stream", json!(true))).send().await?;
    assert_eq!(response.status(), StatusCode::OK);
    let kind = response.headers().get("content-type").context("no type")?.to_str()?;
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let text = response.text().await?;
    let mut data: Vec<_> = text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(data.pop(), Some("[DONE]"), "{text}");
    data.into_iter().map(|chunk| serde_json::from_str(chunk).context("a chunk")).collect()
}

/// Asserts a refusal's status, param and code, and gives its message.
async fn refused(
    client: &Client,
    body: &Value,
    status: StatusCode,
    param: Option<&str>,
    code: &str,
) -> Result<String> {
    let reply = Reply::of(client.post(COMPLETIONS, body)).await?;
    let error = &reply.body["error"];
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!((error["param"].as_str(), error["code"].as_str()), (param, Some(code)), "{}", reply.body);
    Ok(error["message"].as_str().context("no message")?.to_owned())
}
