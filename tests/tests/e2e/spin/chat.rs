//! The chat application for stock Spin (`spin.toml`), served as any application that was written for Spin: with nothing
//! but Spin's imports, a real Redis and a real ChromaDB.

use anyhow::{Context, Result};
use corral_services::{Chroma, Redis};
use e2e::{Host, Reply, Settings, Spin};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn the_chat_application_remembers_reads_documents_and_answers_again() -> Result<()> {
    let (redis, chroma) = (Redis::start().await?, Chroma::start().await?);
    let hosts = vec![format!("redis://127.0.0.1:{}", redis.port()), chroma.url()];
    let spin = Spin::chat()?
        .set("component.chat.allowed_outbound_hosts", hosts)
        .variable("redis_url", &redis.url())
        .variable("chroma_url", &chroma.url());
    let host = Host::spin(&spin, &Settings::new()?).await?;
    let client = host.client()?;
    let session = client.session().await?;
    client.documents(&session, json!(["The lighthouse of Westerhever was built in 1908."])).await?;
    let first = client.say(&session, "When was the lighthouse built?").await?;
    assert!(first["sources"][0]["text"].as_str().is_some_and(|text| text.contains("1908")), "{first}");
    let second = client.say(&session, "Who lives there?").await?;

    let again = json!({
        "session_id": session, "message": "Who lives there?", "replaces": 2, "max_tokens": 24, "temperature": 0,
        "include": ["usage"],
    });
    let third = Reply::of(client.post("/api/v1/chat/chat/text", &again)).await?;
    assert_eq!(third.status, StatusCode::OK, "{}", third.body);
    let stored = client.stored(&session).await?.body;
    let turns = stored["history"].as_array().context("no history")?;
    let said: Vec<&Value> = turns.iter().map(|turn| &turn["ai"]).collect();
    assert_eq!(said, [&first["response"], &third.body["response"]]);
    let read = |answer: &Value| answer["usage"]["prompt_tokens"].as_u64();
    assert_eq!(read(&third.body), read(&second), "the answer before was part of the prompt");

    let stale = json!({ "session_id": session, "message": "Hello.", "replaces": 1 });
    let refused = Reply::of(client.post("/api/v1/chat/chat/text", &stale)).await?;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    Ok(())
}
