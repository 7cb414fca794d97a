//! Spin applications are served as they are: `corral serve --spin`.

mod build;
mod chaining;
mod chat;
mod denied;
mod headers;
mod key_value;
mod limits;
mod llm;
mod manifests;
mod network;
mod one;
mod redis;
mod remote;
mod routes;
mod seven;
mod sqlite;
mod stream;
mod swap;
mod system;
mod variables;

use anyhow::{Context, Result};
use e2e::{Host, Reply, Settings, Spin};
use reqwest::StatusCode;
use serde_json::Value;

/// The kitchen and what it calls, without models: such a host has none to load.
fn spin() -> Result<Spin> {
    Ok(Spin::new()?
        .only(&["kitchen", "other", "hidden"])
        .set("component.kitchen.ai_models", Vec::<String>::new()))
}

/// A host that serves the kitchen and what it calls.
async fn kitchen() -> Result<Host> {
    Host::spin(&spin()?, &Settings::new()?).await
}

/// What a component says in JSON.
async fn asked(host: &Host, path: &str) -> Result<Value> {
    let reply = Reply::of(host.client()?.get(path)).await?;
    assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.body);
    Ok(reply.body)
}

/// The error that a component was told.
async fn refused(host: &Host, path: &str) -> Result<String> {
    let answer = asked(host, path).await?;
    Ok(answer["error"].as_str().with_context(|| format!("{path} was answered: {answer}"))?.to_owned())
}
