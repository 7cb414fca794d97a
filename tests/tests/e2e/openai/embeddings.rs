//! Vectors of texts.

use super::EMBEDDING_MODEL;
use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use e2e::{Client, Host, Reply};
use reqwest::StatusCode;
use serde_json::{Value, json};

const PATH: &str = "/v1/embeddings";

async fn embedded(client: &Client, input: Value, encoding: &str) -> Result<Value> {
    let body = json!({ "model": EMBEDDING_MODEL, "input": input, "encoding_format": encoding });
    let reply = Reply::of(client.post(PATH, &body)).await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    Ok(reply.body)
}

fn vectors(answer: &Value) -> Result<Vec<Vec<f32>>> {
    let data = answer["data"].as_array().context("no data")?;
    data.iter().map(|embedding| vector(&embedding["embedding"])).collect()
}

fn vector(embedding: &Value) -> Result<Vec<f32>> {
    if let Some(text) = embedding.as_str() {
        let bytes = BASE64_STANDARD.decode(text)?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        assert!(rest.is_empty(), "{} bytes", bytes.len());
        return Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
    }
    let numbers = embedding.as_array().context("no vector")?;
    Ok(numbers.iter().filter_map(Value::as_f64).map(|number| number as f32).collect())
}

#[tokio::test]
async fn a_vector_is_the_same_in_both_encodings_and_the_next_time() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let texts = json!(["Herons eat fish.", "The office opens at nine."]);
    let answer = embedded(&client, texts.clone(), "float").await?;
    let floats = vectors(&answer)?;
    assert_eq!(floats.iter().map(Vec::len).collect::<Vec<_>>(), [384, 384]);
    assert_ne!(floats[0], floats[1]);
    for vector in &floats {
        let length: f32 = vector.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
    }
    assert_eq!(vectors(&embedded(&client, texts, "base64").await?)?, floats);
    assert_eq!(vectors(&embedded(&client, json!("Herons eat fish."), "float").await?)?[0], floats[0]);
    let tokens = answer["usage"]["prompt_tokens"].as_u64().context("no usage")?;
    assert!((9..=20).contains(&tokens), "{tokens} tokens");
    assert_eq!(answer["usage"]["total_tokens"], tokens);
    Ok(())
}

#[tokio::test]
async fn more_texts_than_the_model_takes_at_once_come_back_in_order() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let texts: Vec<_> = (0..300).map(|number| format!("{} herons", number % 7)).collect();
    let answer = embedded(&client, json!(texts), "base64").await?;
    let vectors = vectors(&answer)?;
    assert_eq!(vectors.len(), 300);
    for (index, vector) in vectors.iter().enumerate() {
        let near: f32 = vector.iter().zip(&vectors[index % 7]).map(|(one, other)| one * other).sum();
        assert!(near > 0.999, "text {index} is {near} near its equal");
    }
    Ok(())
}

#[tokio::test]
async fn what_the_model_cannot_read_whole_is_refused_with_both_counts() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let body = json!({ "model": EMBEDDING_MODEL, "input": ["short", "heron ".repeat(400)] });
    let reply = Reply::of(client.post(PATH, &body)).await?;
    let error = &reply.body["error"];
    assert_eq!((reply.status, &error["code"]), (StatusCode::BAD_REQUEST, &json!("context_length_exceeded")));
    assert_eq!(error["param"], "input[1]");
    let message = error["message"].as_str().context("no message")?;
    assert!(message.contains(" 256 tokens"), "{message}");

    let tokens =
        Reply::of(client.post(PATH, &json!({ "model": EMBEDDING_MODEL, "input": [[1, 2]] }))).await?;
    let message = tokens.body["error"]["message"].as_str().context("no message")?;
    assert!(message.contains("check_embedding_ctx_length=False"), "{message}");
    Ok(())
}
