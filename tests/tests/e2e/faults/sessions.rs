//! Redis is the broken part.

use super::{Answer, TEXT, answered_or_refused, refused};
use anyhow::{Context, Result};
use corral_services::{Fault, Proxy, Redis};
use e2e::{Client, Host, Settings, said, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const SESSION: &str = "/api/v1/chat/session";
const WAITING: &str = "corral_sessions_waiting_turns";

/// A host whose Redis is behind a proxy.
struct Behind {
    proxy: Proxy,
    host: Host,
    client: Client,
    _redis: Redis,
}

impl Behind {
    async fn start() -> Result<Self> {
        let redis = Redis::start().await?;
        let proxy = Proxy::to(redis.port()).await?;
        let host = Host::with(Settings::new()?.redis(proxy.port())).await?;
        let client = host.client()?;
        Ok(Self { proxy, host, client, _redis: redis })
    }

    /// Ends the fault, and waits until the host has noticed.
    async fn mend(&self) -> Result<()> {
        self.proxy.set(Fault::None);
        self.host.until_ready(true).await
    }
}

async fn history(client: &Client, session: &str) -> Result<Value> {
    let stored = client.stored(session).await?;
    assert_eq!(stored.status, StatusCode::OK, "{}", stored.body);
    Ok(stored.body["history"].clone())
}

async fn until_stored(client: &Client, session: &str, pair: &Value) -> Result<()> {
    until("the turn is stored", async || Ok(client.stored(session).await?.body["history"] == json!([pair])))
        .await
}

#[tokio::test]
async fn a_host_starts_without_redis_and_serves_once_it_is_there() -> Result<()> {
    let mut redis = Redis::start().await?;
    redis.kill().await?;
    let host = Host::with(Settings::new()?.redis(redis.port())).await?;
    let client = host.client()?;
    let ready = host.readiness().await?;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let down = (&ready.body["ready"], &ready.body["checks"]["sessions"]);
    assert_eq!(down, (&json!(false), &json!("down")), "{}", ready.body);
    refused(client.request(Method::POST, SESSION)).await?;
    refused(client.post(TEXT, &said(&uuid::Uuid::new_v4().to_string(), "Hello."))).await?;

    redis.restart().await?;
    host.until_ready(true).await?;
    let session = client.session().await?;
    client.say(&session, "Hello.").await?;
    assert_eq!(history(&client, &session).await?.as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn a_turn_during_which_redis_dies_and_comes_back_is_stored_once() -> Result<()> {
    let mut redis = Redis::start().await?;
    let host = Host::with(Settings::new()?.redis(redis.port())).await?;
    let client = host.client()?;
    let session = client.session().await?;
    let answer = Answer::begin(&client, &session).await?;
    redis.restart().await?;
    let (pair, _persisted_or_waiting) = answer.end().await?;
    until_stored(&client, &session, &pair).await?;
    host.until_metric(WAITING, 0.0).await?;
    assert_eq!(history(&client, &session).await?, json!([pair]));
    Ok(())
}

#[tokio::test]
async fn an_answer_is_delivered_without_redis_and_stored_when_it_is_back() -> Result<()> {
    let mut redis = Redis::start().await?;
    let host = Host::with(Settings::new()?.redis(redis.port())).await?;
    let client = host.client()?;
    let session = client.session().await?;
    let answer = Answer::begin(&client, &session).await?;
    redis.kill().await?;
    let (pair, persisted) = answer.end().await?;
    assert!(!persisted, "it says that the turn is stored");
    host.until_metric(WAITING, 1.0).await?;
    host.until_ready(false).await?;

    redis.restart().await?;
    host.until_ready(true).await?;
    until_stored(&client, &session, &pair).await?;
    host.until_metric(WAITING, 0.0).await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_redis_stored_without_being_able_to_say_so_is_stored_once() -> Result<()> {
    let behind = Behind::start().await?;
    let session = behind.client.session().await?;
    let answer = Answer::begin(&behind.client, &session).await?;
    behind.proxy.set(Fault::Cut);
    let (pair, persisted) = answer.end().await?;
    assert!(!persisted, "it says that the turn is stored");
    behind.mend().await?;
    behind.host.until_metric(WAITING, 0.0).await?;
    assert_eq!(history(&behind.client, &session).await?, json!([pair]));
    Ok(())
}

#[tokio::test]
async fn a_redis_that_stalls_is_503_and_no_hang() -> Result<()> {
    let behind = Behind::start().await?;
    let client = &behind.client;
    let session = client.session().await?;
    behind.proxy.set(Fault::Stall);
    let path = format!("{SESSION}/{session}");
    let message = said(&session, "Hello.");
    tokio::try_join!(
        refused(client.get(&path)),
        refused(client.post(TEXT, &message)),
        refused(client.request(Method::POST, SESSION)),
        refused(client.request(Method::DELETE, &path)),
    )?;
    behind.host.until_ready(false).await?;

    behind.mend().await?;
    // Whether the deletion was done when the stall ended, nobody can say; a new session works.
    let session = client.session().await?;
    client.say(&session, "Hello.").await?;
    Ok(())
}

#[tokio::test]
async fn a_slow_redis_and_one_that_resets_connections_do_no_harm() -> Result<()> {
    let behind = Behind::start().await?;
    let client = &behind.client;
    let session = client.session().await?;
    behind.proxy.set(Fault::Slow(Duration::from_millis(40)));
    client.say(&session, "One.").await?;

    behind.proxy.set(Fault::Reset);
    for _ in 0..10 {
        answered_or_refused(client.get(&format!("{SESSION}/{session}"))).await?;
    }
    let mut body = said(&session, "Two.");
    body["max_tokens"] = json!(2);
    answered_or_refused(client.post(TEXT, &body).header("idempotency-key", "two")).await?;
    behind.proxy.set(Fault::Refuse);
    refused(client.get(&format!("{SESSION}/{session}"))).await?;

    behind.mend().await?;
    let again = answered_or_refused(client.post(TEXT, &body).header("idempotency-key", "two")).await?;
    assert_eq!(again.status, StatusCode::OK);
    behind.host.until_metric(WAITING, 0.0).await?;
    let history = history(client, &session).await?;
    let said: Vec<_> =
        history.as_array().context("no history")?.iter().map(|turn| turn["user"].clone()).collect();
    assert_eq!(said, ["One.", "Two."]);
    Ok(())
}
