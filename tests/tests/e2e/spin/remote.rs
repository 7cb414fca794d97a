//! Stock Spin uses this host as its remote LLM: what its client sends, byte for byte, and what it reads.

use anyhow::{Context, Result};
use e2e::{Client, Host, Reply, Settings};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

const TOKEN: &str = "a-token-of-some-length";
const PROMPT: &str = "The heron stands in the water and";

async fn host() -> Result<Host> {
    Host::with(Settings::new()?.set("apps.chat.config.spin_token", TOKEN)).await
}

/// As `spin-llm-remote-http` sends it: the scheme in small letters, a text without a content type.
fn request(client: &Client, path: &str, token: &str, body: &Value) -> RequestBuilder {
    let request = client.request(Method::POST, path).header("authorization", format!("bearer {token}"));
    request
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .body(body.to_string())
}

fn infer(model: &str) -> Value {
    json!({
        "model": model,
        "prompt": PROMPT,
        "options": {
            "maxTokens": 8, "repeatPenalty": 1.1, "repeatPenaltyLastNTokenCount": 64, "temperature": 0.0,
            "topK": 40, "topP": 0.9,
        },
    })
}

async fn answered(client: &Client, path: &str, body: &Value) -> Result<Value> {
    let reply = Reply::of(request(client, path, TOKEN, body)).await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    Ok(reply.body)
}

/// The text of a refusal.
async fn refused(request: RequestBuilder, status: StatusCode) -> Result<String> {
    let reply = Reply::of(request).await?;
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!(reply.body.as_object().map(serde_json::Map::len), Some(1), "{}", reply.body);
    Ok(reply.body["error"].as_str().context("no error")?.to_owned())
}

#[tokio::test]
async fn spin_is_answered_in_its_protocol() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    let answer = answered(&client, "/infer", &infer("llama2-chat")).await?;
    let text = answer["text"].as_str().context("no text")?;
    assert!(!text.is_empty() && !text.contains("The heron"), "{answer}");
    let usage = &answer["usage"];
    let count = |name: &str| usage[name].as_u64().with_context(|| format!("no {name}: {answer}"));
    assert!((7..20).contains(&count("promptTokenCount")?), "{answer}");
    assert!((1..=8).contains(&count("generatedTokenCount")?), "{answer}");
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(2), "{answer}");
    assert_eq!(answered(&client, "/infer", &infer("smollm2-135m-instruct-q4_1")).await?, answer);

    let texts = json!({ "model": "all-minilm-l6-v2", "input": ["A heron", "something else", "A heron"] });
    let answer = answered(&client, "/embed", &texts).await?;
    let vectors = answer["embeddings"].as_array().context("no vectors")?;
    assert_eq!(vectors.len(), 3);
    assert!(vectors.iter().all(|vector| vector.as_array().is_some_and(|vector| vector.len() == 384)));
    assert_eq!(vectors[0], vectors[2]);
    let alone =
        answered(&client, "/embed", &json!({ "model": "all-minilm-l6-v2", "input": ["A heron"] })).await?;
    assert_eq!(alone["embeddings"][0], vectors[0]);
    assert!(
        answer["usage"]["promptTokenCount"].as_u64().is_some_and(|count| count > 4),
        "{}",
        answer["usage"]
    );
    Ok(())
}

#[tokio::test]
async fn spin_is_refused_with_the_reason() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    for token in ["wrong", "", "a-token-of-some-lengtH", "a-token-of-some-length-and-more"] {
        refused(request(&client, "/infer", token, &infer("llama2-chat")), StatusCode::UNAUTHORIZED).await?;
        refused(request(&client, "/embed", token, &json!({})), StatusCode::UNAUTHORIZED).await?;
    }
    let bare = client.post("/infer", &infer("llama2-chat"));
    refused(bare, StatusCode::UNAUTHORIZED).await?;

    let told = refused(request(&client, "/infer", TOKEN, &infer("gpt-4")), StatusCode::NOT_FOUND).await?;
    assert!(told.contains("gpt-4"), "{told}");
    let other = json!({ "model": "other", "input": ["x"] });
    refused(request(&client, "/embed", TOKEN, &other), StatusCode::NOT_FOUND).await?;
    for (path, body, words) in [
        ("/infer", json!({ "model": "llama2-chat" }), "'prompt'"),
        ("/infer", json!({ "model": "llama2-chat", "prompt": "heron ".repeat(5000) }), "The prompt has"),
        ("/embed", json!({ "model": "all-minilm-l6-v2", "input": "x" }), "'input'"),
        ("/embed", json!({ "model": "all-minilm-l6-v2", "input": ["x", "heron ".repeat(1000)] }), "input[1]"),
    ] {
        let told = refused(request(&client, path, TOKEN, &body), StatusCode::BAD_REQUEST).await?;
        assert!(told.contains(words), "{path}: {told}");
    }
    let log = host.log()?;
    assert!(!log.contains(TOKEN) && !log.contains("heron heron"));
    Ok(())
}

#[tokio::test]
async fn without_a_token_nothing_is_offered_and_the_refusal_says_what_to_set() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    for path in ["/infer", "/embed"] {
        let told = refused(request(&client, path, TOKEN, &json!({})), StatusCode::FORBIDDEN).await?;
        assert!(told.contains("spin_token") && told.contains("[apps.NAME.config]"), "{told}");
    }
    Ok(())
}
