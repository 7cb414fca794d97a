//! Applications with stores of their own on one host.

use anyhow::{Context, Result};
use corral_services::{Redis, python};
use e2e::{Client, Host, Reply, Settings, said, until};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::fs;
use tokio::process::Command;

const FACT: &str = "The password of the sales department is Quillfeather.";
const QUESTION: &str = "What is the password of the sales department?";

/// Copies a session from one label's keys to the host's own.
const COPY: &str = "
import redis, sys
store = redis.Redis(port=int(sys.argv[1]))
store.set('session:' + sys.argv[2], store.get('sales:' + sys.argv[2]), ex=3600)
";

/// Has the one session of an embedded store expired, without waiting for it.
const EXPIRE: &str = "
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as store:
    assert store.execute('UPDATE sessions SET expires_at = 0').rowcount == 1
";

async fn run(script: &str, arguments: &[&str]) -> Result<()> {
    let ended = Command::new(python()?).args(["-c", script]).args(arguments).status().await?;
    anyhow::ensure!(ended.success(), "the script ended with {ended}");
    Ok(())
}

/// The shipped application at `/`, and the same components at `/sales` with the stores of that label.
fn settings() -> Result<Settings> {
    let mut settings = Settings::new()?.set("apps.sales.route", "/sales").set("apps.sales.store", "sales");
    for key in ["gateway", "logic", "grants", "config"] {
        let value = settings.get(&format!("apps.chat.{key}")).context("runtime.toml lacks it")?.clone();
        settings = settings.set(&format!("apps.sales.{key}"), value);
    }
    // Where nothing names stores, they are in a file of their own.
    Ok(settings.set("stores.sales.sessions.expire_after", "1h"))
}

fn clients(host: &Host) -> Result<(Client, Client)> {
    Ok((host.client()?, Client::new(&format!("{}/sales", host.url()))?))
}

async fn documents_of(client: &Client, session: &str) -> Result<Reply> {
    Reply::of(client.get(&format!("/api/v1/chat/documents?session_id={session}"))).await
}

#[tokio::test]
async fn an_application_knows_nothing_of_sessions_in_other_stores() -> Result<()> {
    let host = Host::with(settings()?).await?;
    let (chat, sales) = clients(&host)?;
    let session = sales.session().await?;
    sales.documents(&session, json!([{ "text": FACT, "id": "secret" }])).await?;
    let answer = sales.say(&session, QUESTION).await?;
    assert_eq!(answer["sources"][0]["text"], FACT, "{answer}");

    assert_eq!(chat.stored(&session).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(documents_of(&chat, &session).await?.status, StatusCode::NOT_FOUND);
    let asked = Reply::of(chat.post("/api/v1/chat/chat/text", &said(&session, QUESTION))).await?;
    assert_eq!(asked.status, StatusCode::NOT_FOUND, "{}", asked.body);
    // The other way round.
    let session = chat.session().await?;
    assert_eq!(chat.stored(&session).await?.status, StatusCode::OK);
    assert_eq!(sales.stored(&session).await?.status, StatusCode::NOT_FOUND);

    let kept = |name: &str| anyhow::Ok(fs::read(host.folder().join(".corral").join(name))?);
    let holds = |bytes: &[u8]| bytes.windows(FACT.len()).any(|part| part == FACT.as_bytes());
    assert!(holds(&kept("sales.db")?) || holds(&kept("sales.db-wal")?), "the label's file has it");
    assert!(!holds(&kept("corral.db")?) && !holds(&kept("corral.db-wal")?), "the host's file has it");
    Ok(())
}

#[tokio::test]
async fn the_same_id_in_two_stores_is_two_sessions_also_to_the_model() -> Result<()> {
    let redis = Redis::start().await?;
    let settings = settings()?
        .redis(redis.port())
        .set("stores.sales.sessions.backend", "redis")
        .set("stores.sales.sessions.url", redis.url())
        .set("stores.sales.sessions.redis.prefix", "sales:");
    let host = Host::with(settings).await?;
    let (chat, sales) = clients(&host)?;
    let (told, question) = ("Ottilie is on duty tonight, until four in the morning.", "Who is on duty?");
    let session = sales.session().await?;
    sales.say(&session, told).await?;
    run(COPY, &[&redis.port().to_string(), &session]).await?;
    let history = chat.stored(&session).await?.body["history"].clone();
    assert_eq!((history.as_array().map(Vec::len), &history[0]["user"]), (Some(1), &json!(told)), "{history}");

    let cached = |answer: &Value| answer["usage"]["cached_tokens"].as_u64().context("no cached tokens");
    let copy = cached(&chat.say(&session, question).await?)?;
    let original = cached(&sales.say(&session, question).await?)?;
    let stranger = cached(&chat.say(&chat.session().await?, question).await?)?;
    assert_eq!(copy, stranger, "the copy has more of the cache than everyone's system prompt");
    assert!(original > stranger, "the cache does nothing: {original} tokens");
    Ok(())
}

#[tokio::test]
async fn a_label_without_its_server_holds_up_its_own_application_only() -> Result<()> {
    let mut redis = Redis::start().await?;
    redis.kill().await?;
    let settings = settings()?
        .set("stores.sales.sessions.backend", "redis")
        .set("stores.sales.sessions.url", redis.url());
    let host = Host::with(settings).await?;
    let (chat, sales) = clients(&host)?;
    let ready = host.readiness().await?;
    assert_eq!(ready.status, StatusCode::OK, "{}", ready.body);
    assert_eq!(ready.body["checks"]["stores.sales.sessions"], "down", "{}", ready.body);
    assert_eq!(ready.body["checks"]["sessions"], "ok", "{}", ready.body);
    chat.session().await?;
    let refused = Reply::of(sales.post("/api/v1/chat/session", &json!({}))).await?;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body);

    redis.restart().await?;
    let made = async || anyhow::Ok(sales.session().await.is_ok());
    until("the label's store is used", made).await?;
    let told = async || Ok(host.readiness().await?.body["checks"]["stores.sales.sessions"] == "ok");
    until("the label's store counts as working", told).await
}

#[tokio::test]
async fn what_expires_in_a_labels_stores_goes_with_its_documents() -> Result<()> {
    let settings = settings()?;
    let host = Host::with(settings.clone()).await?;
    let (chat, sales) = clients(&host)?;
    let (kept, session) = (chat.session().await?, sales.session().await?);
    chat.documents(&kept, json!([{ "text": FACT, "id": "secret" }])).await?;
    sales.documents(&session, json!([{ "text": FACT, "id": "secret" }])).await?;
    let folder = host.kill().await?;
    run(EXPIRE, &[&folder.path().join(".corral/sales.db").display().to_string()]).await?;

    // What has expired is removed at the start, and then each minute.
    let host = Host::within(folder, &settings).await?;
    until("the expired session is removed", async || {
        Ok(host
            .log()?
            .lines()
            .any(|line| line.contains("expired sessions removed") && line.contains("sales")))
    })
    .await?;
    let (chat, sales) = clients(&host)?;
    assert_eq!(sales.stored(&session).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(
        documents_of(&chat, &kept).await?.body["documents"][0]["id"],
        "secret",
        "the host's own go on"
    );
    until("the passage is off the disk", async || {
        let file = fs::read(host.folder().join(".corral/sales.db"))?;
        Ok(!file.windows(FACT.len()).any(|part| part == FACT.as_bytes()))
    })
    .await
}
