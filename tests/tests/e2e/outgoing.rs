//! A component reaches the hosts that it was granted, and no other.

use super::{
    hot_swap::{operate, shadow::counts},
    upstream::Upstream,
};
use anyhow::{Context, Result};
use e2e::{Client, Host, Reply, Settings, root, said, until};
use reqwest::{Method, StatusCode};
use std::{fs, path::PathBuf};

fn caller() -> PathBuf {
    root().join("target/wasm32-wasip2/component/caller.wasm")
}

/// A host whose chat logic asks other hosts, with a grant for these; the first, where it is not told whom.
async fn host(hosts: &[&str]) -> Result<Host> {
    let settings = Settings::new()?
        .set("apps.chat.config.url", hosts.first().copied().unwrap_or_default())
        .set("apps.chat.logic", caller().display().to_string())
        .set(
            "apps.chat.grants.logic",
            vec!["sessions", "vectors", "embedding", "inference", "config", "http"],
        )
        .set("apps.chat.grants.hosts", hosts.to_vec());
    Host::with(settings).await
}

async fn answer(client: &Client, message: &str) -> Result<String> {
    let session = client.session().await?;
    let reply = Reply::of(client.post("/api/v1/chat/chat/text", &said(&session, message))).await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    Ok(reply.body["response"].as_str().context("no response")?.to_owned())
}

#[tokio::test]
async fn logic_reaches_the_hosts_that_it_was_granted_and_no_other() -> Result<()> {
    let (upstream, other) = (Upstream::start().await?, Upstream::start().await?);
    let url = format!("http://{}", upstream.authority());
    let host = host(&[&url]).await?;
    let client = host.client()?;
    let answered = answer(&client, &format!("{url}/birds?of=prey")).await?;
    assert_eq!(answered, "200 upstream: GET /birds?of=prey:");
    for denied in [
        format!("http://{}/", other.authority()),
        format!("https://{}/", upstream.authority()),
        "http://self/".to_owned(),
    ] {
        assert_eq!(answer(&client, &denied).await?, "ErrorCode::HttpRequestDenied", "{denied}");
    }
    assert_eq!((upstream.asked(), other.asked()), (1, 0));
    Ok(())
}

#[tokio::test]
async fn the_grant_alone_leads_nowhere() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(&[]).await?;
    let answered = answer(&host.client()?, &format!("http://{}/", upstream.authority())).await?;
    assert_eq!((answered.as_str(), upstream.asked()), ("ErrorCode::HttpRequestDenied", 0));
    Ok(())
}

#[tokio::test]
async fn a_rehearsal_asks_nobody() -> Result<()> {
    let upstream = Upstream::start().await?;
    let host = host(&[&format!("http://{}", upstream.authority())]).await?;
    let reply = operate(&host, Method::POST, "/apps/chat/deploy", fs::read(caller())?).await?;
    assert_eq!((reply.status, upstream.asked()), (StatusCode::OK, 0), "{}", reply.body);
    // What is no URL, as the rehearsal's question, leads there too.
    assert!(answer(&host.client()?, "Hello").await?.starts_with("200 "));
    assert_eq!(upstream.asked(), 1);
    Ok(())
}

#[tokio::test]
async fn a_shadow_asks_nobody() -> Result<()> {
    let upstream = Upstream::start().await?;
    let url = format!("http://{}", upstream.authority());
    let host = host(&[&url]).await?;
    let reply = operate(&host, Method::POST, "/apps/chat/deploy?shadow=true", fs::read(caller())?).await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert!(answer(&host.client()?, &format!("{url}/")).await?.starts_with("200 "));
    until("it is compared", async || Ok(counts(&host).await?["other"] == 1)).await?;
    assert_eq!(upstream.asked(), 1);
    Ok(())
}
