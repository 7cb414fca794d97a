//! Turns of sessions, with memory and documents.

use super::{COMPLETIONS, MODEL, asked, chunks, completed, content, refused, with};
use anyhow::{Context, Result};
use e2e::{Client, Host, Reply};
use reqwest::StatusCode;
use serde_json::{Value, json};

fn turn(session: &str, message: &str) -> Value {
    with(asked(message), "metadata", json!({ "session_id": session }))
}

async fn history(client: &Client, session: &str) -> Result<Value> {
    Ok(client.stored(session).await?.body["history"].clone())
}

#[tokio::test]
async fn a_turn_remembers_the_session_and_is_in_its_history() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let first = completed(&client, &turn(&session, "My name is Ottilie, and I live in Bremen.")).await?;
    assert_eq!(first["choices"][0]["message"]["corral"], json!({ "sources": [], "persisted": true }));
    let second = completed(&client, &turn(&session, "What is my name?")).await?;

    // What the small model makes of it is its own affair; that it was given it is ours.
    let alone = completed(&client, &turn(&client.session().await?, "What is my name?")).await?;
    let tokens = |answer: &Value, name: &str| answer["usage"][name].as_u64().unwrap_or_default();
    let carried = tokens(&second, "prompt_tokens") - tokens(&alone, "prompt_tokens");
    assert!(carried >= tokens(&first, "completion_tokens") + 10, "only {carried} tokens of the past");
    let pairs = json!([
        { "user": "My name is Ottilie, and I live in Bremen.", "ai": content(&first)? },
        { "user": "What is my name?", "ai": content(&second)? },
    ]);
    assert_eq!(history(&client, &session).await?, pairs);
    Ok(())
}

#[tokio::test]
async fn a_turn_answers_from_documents_and_says_which() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let text = "The lighthouse of Westerhever was built in 1908.";
    client.documents(&session, json!([{ "id": "lighthouse", "text": text }])).await?;

    // The session in the header, and the client's whole history before the question.
    let mut body = asked("");
    body["messages"] = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "assistant", "content": "Hello!" },
        { "role": "user", "content": "When was the lighthouse built?" },
    ]);
    let request = client.post(COMPLETIONS, &body).header("x-session-id", &session);
    let whole = Reply::of(request).await?.body;
    let sources = &whole["choices"][0]["message"]["corral"]["sources"];
    assert_eq!(
        (&sources[0]["document_id"], &sources[0]["text"]),
        (&json!("lighthouse"), &json!(text)),
        "{whole}"
    );

    let chunks = chunks(&client, &turn(&session, "How old is the lighthouse of Westerhever?")).await?;
    let last = &chunks.last().context("no chunks")?["choices"][0];
    assert_eq!(last["finish_reason"].as_str().map(str::is_empty), Some(false), "{last}");
    assert_eq!(last["delta"]["corral"]["sources"][0]["document_id"], "lighthouse");
    assert_eq!(last["delta"]["corral"]["persisted"], true);
    assert_eq!(history(&client, &session).await?.as_array().map(Vec::len), Some(2));
    Ok(())
}

#[tokio::test]
async fn a_turn_of_both_interfaces_is_answered_alike() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let here = completed(&client, &turn(&client.session().await?, "What is a heron?")).await?;
    let there = client.say(&client.session().await?, "What is a heron?").await?;
    assert_eq!(content(&here)?, there["response"]);
    assert_eq!(here["usage"]["prompt_tokens"], there["usage"]["prompt_tokens"]);
    assert_eq!(here["model"], MODEL);
    Ok(())
}

#[tokio::test]
async fn a_turn_that_is_sent_again_under_its_name_is_stored_once() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    for _ in 0..2 {
        let request = client.post(COMPLETIONS, &turn(&session, "Hello.")).header("idempotency-key", "turn-1");
        assert_eq!(Reply::of(request).await?.status, StatusCode::OK);
    }
    assert_eq!(history(&client, &session).await?.as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn what_a_turn_cannot_have_is_refused_by_name_and_stores_nothing() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    for (name, value) in [
        ("logprobs", json!(true)),
        ("response_format", json!({ "type": "json_object" })),
        ("presence_penalty", json!(1)),
        ("top_k", json!(5)),
    ] {
        let body = with(turn(&session, "Hello."), name, value);
        refused(&client, &body, StatusCode::BAD_REQUEST, Some(name), "unsupported_parameter").await?;
    }
    let unknown = uuid::Uuid::new_v4().to_string();
    refused(&client, &turn(&unknown, "Hello."), StatusCode::NOT_FOUND, None, "session_not_found").await?;
    let other = with(turn(&session, "Hello."), "model", json!("gpt-4"));
    refused(&client, &other, StatusCode::NOT_FOUND, Some("model"), "model_not_found").await?;
    assert_eq!(history(&client, &session).await?, json!([]));
    Ok(())
}
