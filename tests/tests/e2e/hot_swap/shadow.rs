//! A generation answers unheard what another answers, and nobody notices.

use super::{operate, state};
use anyhow::{Context, Result, ensure};
use e2e::{Client, Host, Reply, Settings, bad_parrot, parrot, root, until};
use futures_util::future::try_join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::fs;

const QUESTION: &str = "What is a heron?";

async fn in_the_shadow(host: &Host, bytes: Vec<u8>) -> Result<()> {
    let reply = operate(host, Method::POST, "/apps/chat/deploy?shadow=true", bytes).await?;
    ensure!(reply.status == StatusCode::OK, "{} {}", reply.status, reply.body);
    Ok(())
}

fn component(name: &str) -> Result<Vec<u8>> {
    let path = root().join("target/wasm32-wasip2/component").join(name);
    fs::read(&path).with_context(|| format!("{}: run `make examples`", path.display()))
}

/// A turn, whole or as a stream, and what is stored of its session then.
async fn answered(client: &Client, question: &str, stream: bool) -> Result<Value> {
    let session = client.session().await?;
    let body = json!({ "session_id": session, "message": question, "temperature": 0, "max_tokens": 12 });
    if stream {
        client.streamed(&body).await?;
    } else {
        let reply = Reply::of(client.post("/api/v1/chat/chat/text", &body)).await?;
        ensure!(reply.status == StatusCode::OK, "{} {}", reply.status, reply.body);
    }
    Ok(client.stored(&session).await?.body["history"].clone())
}

pub(crate) async fn counts(host: &Host) -> Result<Value> {
    let generations = state(host).await?["generations"].clone();
    let mut canaries = generations.as_array().context("no generations")?.iter().map(|one| &one["canary"]);
    Ok(canaries.find(|canary| canary.is_object()).context("no canary")?["shadow"].clone())
}

#[tokio::test]
async fn what_answers_in_the_shadow_is_compared_and_leaves_nothing() -> Result<()> {
    let host = Host::with(Settings::new()?.set("apps.chat.probe", false)).await?;
    let client = host.client()?;
    let alone = answered(&client, QUESTION, false).await?;
    for (bytes, compared) in [
        (component("corral_chat.wasm")?, "same"),
        (component("quotes.wasm")?, "other"),
        (bad_parrot("traps")?, "failed"),
    ] {
        in_the_shadow(&host, bytes).await?;
        for (stream, count) in [(false, 1), (true, 2)] {
            assert_eq!(answered(&client, QUESTION, stream).await?, alone, "{compared}");
            until("it is compared", async || Ok(counts(&host).await?[compared] == count)).await?;
        }
        assert_eq!(counts(&host).await?["skipped"], 0);
    }
    let log = host.log()?;
    assert!(log.contains("\"compared\":\"same\"") && !log.contains("heron"), "words are in no log");
    Ok(())
}

#[tokio::test]
async fn what_finds_no_place_is_skipped_and_nobody_waits() -> Result<()> {
    let host = Host::start().await?;
    in_the_shadow(&host, parrot(2)?).await?;
    let client = host.client()?;
    // That parrot goes on for ever where it hears the word.
    try_join_all((0..4).map(|_| answered(&client, "Should one never feed a heron?", false))).await?;
    assert_eq!(counts(&host).await?["skipped"], 2);
    Ok(())
}
