//! Uses what Spin offers, one thing a path, and says in JSON what came of it.

mod llm;
mod network;
mod stores;
mod system;

use anyhow::Result;
use serde_json::{Value, json};
use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;
use std::{collections::BTreeMap, fmt::Debug};

/// The parameters of a query.
type Query = BTreeMap<String, String>;

#[http_component]
async fn handle_kitchen(req: Request) -> Result<impl IntoResponse> {
    let query: Query = form_urlencoded::parse(req.query().as_bytes()).into_owned().collect();
    let path = req.header("spin-path-info").and_then(|value| value.as_str()).unwrap_or_default();
    let answer = match path.trim_matches('/') {
        "key-value" => stores::key_value(&query),
        "sqlite" => stores::sqlite(&query),
        "redis" => stores::redis(&query),
        "variables" => stores::variable(&query),
        "llm" => llm::infer(&query),
        "embeddings" => llm::embed(&query),
        "fetch" => network::fetch(&req, &query).await,
        "chain" => network::chain(&query).await,
        "files" => system::files(),
        "environment" => system::environment(),
        "clock" => system::clock(),
        "loop" => system::work_for_ever(),
        "grow" => system::grow_for_ever(),
        "panic" => panic!("as asked"),
        _ => echo(&req),
    };
    Ok(Response::builder()
        .status(200)
        .header("content-type", "application/json")
        .body(answer.to_string())
        .build())
}

fn echo(req: &Request) -> Value {
    let headers: BTreeMap<_, _> =
        req.headers().map(|(name, value)| (name, value.as_str().unwrap_or("no text"))).collect();
    json!({
        "method": req.method().to_string(),
        "path": req.path(),
        "query": req.query(),
        "headers": headers,
        "body": String::from_utf8_lossy(req.body()),
    })
}

/// A value as it is, or the variant of the error.
fn said<E: Debug>(result: Result<impl Into<Value>, E>) -> Value {
    match result {
        Ok(value) => value.into(),
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}

/// A parameter, or nothing.
fn one<'q>(query: &'q Query, name: &str) -> &'q str {
    query.get(name).map(String::as_str).unwrap_or_default()
}
