//! Text that goes on where a prompt ends, as the older interface has it.

use super::{EMBEDDING_MODEL, MODEL, with};
use anyhow::{Context, Result};
use e2e::{Client, Host, Reply};
use reqwest::StatusCode;
use serde_json::{Value, json};

const PATH: &str = "/v1/completions";

fn prompted(prompt: &str) -> Value {
    json!({ "model": MODEL, "prompt": prompt, "temperature": 0, "max_tokens": 12 })
}

async fn completed(client: &Client, body: &Value) -> Result<Value> {
    let reply = Reply::of(client.post(PATH, body)).await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    Ok(reply.body)
}

fn text(completion: &Value) -> Result<&str> {
    completion["choices"][0]["text"].as_str().with_context(|| format!("no text: {completion}"))
}

#[tokio::test]
async fn a_prompt_goes_on_whole_in_pieces_and_after_itself() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let prompt = "The capital of France is";
    let whole = completed(&client, &prompted(prompt)).await?;
    let answer = text(&whole)?;
    assert!(!answer.is_empty(), "{whole}");
    assert_eq!(
        (&whole["object"], &whole["choices"][0]["finish_reason"]),
        (&json!("text_completion"), &json!("length"))
    );
    assert_eq!(whole["usage"]["completion_tokens"], 12);
    // The prompt as it is: a chat's format would take some twenty tokens more.
    assert!(whole["usage"]["prompt_tokens"].as_u64().is_some_and(|tokens| tokens <= 7), "{whole}");

    let streaming = with(with(prompted(prompt), "stream", json!(true)), "echo", json!(true));
    let streaming = with(streaming, "stream_options", json!({ "include_usage": true }));
    let events = client.post(PATH, &streaming).send().await?.text().await?;
    let mut data: Vec<_> = events.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(data.pop(), Some("[DONE]"), "{events}");
    let parts = data.into_iter().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let streamed: String = parts.iter().filter_map(|part| part["choices"][0]["text"].as_str()).collect();
    assert_eq!(streamed, format!("{prompt}{answer}"));
    let last = parts.last().context("no parts")?;
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(12)));
    assert!(last["usage"]["prompt_tokens_details"]["cached_tokens"].is_u64(), "{last}");

    let scored = completed(&client, &with(prompted(prompt), "logprobs", json!(2))).await?;
    let logprobs = &scored["choices"][0]["logprobs"];
    let tokens: Vec<_> =
        logprobs["tokens"].as_array().context("no tokens")?.iter().filter_map(Value::as_str).collect();
    assert_eq!((tokens.concat().as_str(), tokens.len()), (answer, 12));
    assert_eq!(logprobs["text_offset"][1], tokens[0].chars().count());
    assert!(logprobs["top_logprobs"][0].as_object().is_some_and(|rivals| (2..=3).contains(&rivals.len())));
    Ok(())
}

#[tokio::test]
async fn a_prompt_is_a_sessions_turn_where_one_is_named() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    client.documents(&session, json!([{ "id": "herons", "text": "Herons eat fish and frogs." }])).await?;
    let question = "What do herons eat?";
    let request = client.post(PATH, &prompted(question)).header("x-session-id", &session);
    let turn = Reply::of(request).await?.body;
    assert_eq!(turn["choices"][0]["corral"]["persisted"], true, "{turn}");
    assert_eq!(turn["choices"][0]["corral"]["sources"][0]["document_id"], "herons");
    let pairs = json!([{ "user": question, "ai": text(&turn)? }]);
    assert_eq!(client.stored(&session).await?.body["history"], pairs);
    Ok(())
}

#[tokio::test]
async fn what_it_does_not_have_is_refused_by_name() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let prompt = || prompted("Once");
    for (body, status, param, code) in [
        (with(prompt(), "prompt", json!([1, 2])), 400, "prompt", "unsupported_parameter"),
        (with(prompt(), "prompt", json!(["a", "b"])), 400, "prompt", "unsupported_parameter"),
        (with(prompt(), "suffix", json!("end")), 400, "suffix", "unsupported_parameter"),
        (with(prompt(), "best_of", json!(2)), 400, "best_of", "unsupported_parameter"),
        (with(prompt(), "n", json!(2)), 400, "n", "unsupported_value"),
        (with(prompt(), "logprobs", json!(9)), 400, "logprobs", "integer_above_max_value"),
        (prompted(&"heron ".repeat(5000)), 400, "prompt", "context_length_exceeded"),
        (with(prompt(), "model", json!("gpt-4")), 404, "model", "model_not_found"),
        (with(prompt(), "model", json!(EMBEDDING_MODEL)), 404, "model", "model_not_found"),
    ] {
        let reply = Reply::of(client.post(PATH, &body)).await?;
        let error = &reply.body["error"];
        assert_eq!(reply.status.as_u16(), status, "{}", reply.body);
        assert_eq!((&error["param"], &error["code"]), (&json!(param), &json!(code)), "{}", reply.body);
    }
    Ok(())
}
