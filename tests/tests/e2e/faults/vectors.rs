//! ChromaDB is the broken part.

use super::{Answer, TEXT, answered_or_refused, bounded, refused};
use crate::shared::chroma;
use anyhow::{Context, Result};
use corral_services::{Chroma, Fault, Proxy};
use e2e::{Client, Host, Reply, Settings, said};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

const DOCUMENTS: &str = "/api/v1/chat/documents";
const FACT: &str = "The ferry to Föhr leaves at nine.";
const QUESTION: &str = "When does the ferry leave?";

fn documents(session: &str) -> Value {
    json!({ "session_id": session, "documents": [{ "text": FACT, "id": "ferry" }] })
}

async fn finds_the_fact(client: &Client, session: &str) -> Result<()> {
    let answer = client.say(session, QUESTION).await?;
    assert_eq!(answer["sources"][0]["text"], FACT, "{answer}");
    assert!(answer["trimmed"]["retrieval_unavailable"].is_null(), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_host_starts_without_chroma_serves_once_it_is_there_and_outlives_it() -> Result<()> {
    let mut chroma = Chroma::start().await?;
    chroma.kill().await?;
    let host = Host::with(Settings::new()?.chroma(chroma.port(), "faults-down")).await?;
    let client = host.client()?;
    let ready = host.readiness().await?;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let down = (&ready.body["ready"], &ready.body["checks"]["vectors"]);
    assert_eq!(down, (&json!(false), &json!("down")), "{}", ready.body);
    let session = client.session().await?;
    refused(client.post(DOCUMENTS, &documents(&session))).await?;
    refused(client.post(TEXT, &said(&session, QUESTION))).await?;
    assert_eq!(client.stored(&session).await?.body["history"], json!([]));

    chroma.restart().await?;
    host.until_ready(true).await?;
    client.documents(&session, documents(&session)["documents"].clone()).await?;
    finds_the_fact(&client, &session).await?;

    let told = client.session().await?;
    let answer = Answer::begin(&client, &told).await?;
    chroma.kill().await?;
    let (pair, persisted) = answer.end().await?;
    assert!(persisted, "an answer under way needs no documents any more");
    assert_eq!(client.stored(&told).await?.body["history"], json!([pair]));
    refused(client.post(TEXT, &said(&session, QUESTION))).await?;

    chroma.restart().await?;
    host.until_ready(true).await?;
    finds_the_fact(&client, &session).await?;
    Ok(())
}

#[tokio::test]
async fn a_chroma_that_stalls_or_breaks_connections_is_503_and_no_hang() -> Result<()> {
    let proxy = Proxy::to(chroma().await?.port()).await?;
    let host = Host::with(Settings::new()?.chroma(proxy.port(), "faults-stall")).await?;
    let client = host.client()?;
    let session = client.session().await?;
    proxy.set(Fault::Slow(Duration::from_millis(40)));
    client.documents(&session, documents(&session)["documents"].clone()).await?;
    finds_the_fact(&client, &session).await?;

    proxy.set(Fault::Stall);
    let (given, message) = (documents(&session), said(&session, QUESTION));
    tokio::try_join!(refused(client.post(DOCUMENTS, &given)), refused(client.post(TEXT, &message)))?;
    host.until_ready(false).await?;
    proxy.set(Fault::Reset);
    for _ in 0..5 {
        answered_or_refused(client.post(DOCUMENTS, &given)).await?;
    }
    proxy.set(Fault::Refuse);
    refused(client.post(TEXT, &message)).await?;
    // Chroma does what it is asked, and cannot say so; the same documents again take their own place.
    proxy.set(Fault::Cut);
    refused(client.post(DOCUMENTS, &given)).await?;

    proxy.set(Fault::None);
    host.until_ready(true).await?;
    assert_eq!(Reply::of(client.post(DOCUMENTS, &given)).await?.status, StatusCode::OK);
    let path = format!("{DOCUMENTS}/ferry?session_id={session}");
    let document = Reply::of(client.get(&path)).await?;
    assert_eq!(document.body["chunks"].as_array().map(Vec::len), Some(1), "{}", document.body);
    finds_the_fact(&client, &session).await?;
    Ok(())
}

#[tokio::test]
async fn where_documents_are_optional_answers_come_without_them_and_say_so() -> Result<()> {
    let proxy = Proxy::to(chroma().await?.port()).await?;
    let settings = Settings::new()?
        .chroma(proxy.port(), "faults-optional")
        .set("vectors.required", false)
        .set("apps.chat.config.retrieval", "optional");
    let host = Host::with(settings).await?;
    let client = host.client()?;
    let session = client.session().await?;
    client.documents(&session, documents(&session)["documents"].clone()).await?;
    finds_the_fact(&client, &session).await?;

    for fault in [Fault::Refuse, Fault::Stall] {
        proxy.set(fault);
        let message = said(&session, QUESTION);
        let answer = bounded(client.post(TEXT, &message)).await?;
        assert_eq!(answer.status, StatusCode::OK, "{fault:?}: {}", answer.body);
        assert_eq!(answer.body["trimmed"]["retrieval_unavailable"], true, "{fault:?}: {}", answer.body);
        assert_eq!(answer.body["sources"], json!([]), "{fault:?}");
        refused(client.post(DOCUMENTS, &documents(&session))).await?;
    }
    let events = client.streamed(&said(&session, QUESTION)).await?;
    let trimmed = events.iter().find(|event| event.name == "trimmed").context("no trimmed event")?;
    assert_eq!(trimmed.data["retrieval_unavailable"], true);
    // What readiness says may be a second old.
    e2e::until("readiness tells of it", async || {
        let ready = host.readiness().await?;
        assert_eq!((ready.status, &ready.body["ready"]), (StatusCode::OK, &json!(true)), "{}", ready.body);
        Ok(ready.body["checks"]["vectors"] == "down")
    })
    .await?;

    proxy.set(Fault::None);
    e2e::until("the store is back", async || Ok(host.readiness().await?.body["checks"]["vectors"] == "ok"))
        .await?;
    finds_the_fact(&client, &session).await?;
    Ok(())
}
