//! Chat logic is replaced while people are talking.

mod alone;
mod canary;
mod kept;
mod load;
mod refused;
mod registry;
mod several;
pub(crate) mod shadow;
mod watched;

use anyhow::{Context, Result, ensure};
use e2e::{Event, Host, Reply, Settings, binary, parrot};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tokio::process::Command;

/// How often a parrot says its word.
const TIMES: usize = 16;
pub(crate) const GENERATION: &str = "x-corral-generation";

/// Settings whose chat logic is the parrot in a file, and which compile for themselves: deploying is that too.
fn settings(logic: &Path) -> Result<Settings> {
    fs::write(logic, parrot(1)?)?;
    Ok(Settings::new()?.own_cache().set("apps.chat.logic", logic.display().to_string()))
}

/// What a command says, of a host whose settings are where it runs.
pub(crate) async fn corral(host: &Host, arguments: &[&str]) -> Result<String> {
    let output = Command::new(binary()?)
        .args(arguments)
        .current_dir(host.folder())
        .env("CORRAL_ADMIN__LISTEN", host.admin_address()?)
        .output()
        .await?;
    let said = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
    ensure!(output.status.success(), "{arguments:?}: {said}");
    Ok(said)
}

pub(crate) async fn operate(host: &Host, method: Method, path: &str, body: Vec<u8>) -> Result<Reply> {
    Reply::of(host.admin()?.request(method, path).bearer_auth(host.token()?).body(body)).await
}

async fn deploy(host: &Host, bytes: Vec<u8>) -> Result<Reply> {
    operate(host, Method::POST, "/apps/chat/deploy", bytes).await
}

/// Deploys, and gives the number of the generation.
async fn deployed(host: &Host, bytes: Vec<u8>) -> Result<u64> {
    let reply = deploy(host, bytes).await?;
    ensure!(reply.status == StatusCode::OK, "{} {}", reply.status, reply.body);
    serving(&reply.body["apps"][0])
}

/// The number of the generation that serves.
fn serving(app: &Value) -> Result<u64> {
    let generations = app["generations"].as_array().context("no generations")?;
    let serving = generations.iter().find(|generation| generation["state"] == "serving");
    serving.and_then(|serving| serving["number"].as_u64()).context("none serves")
}

async fn state(host: &Host) -> Result<Value> {
    let reply = operate(host, Method::GET, "/apps", Vec::new()).await?;
    Ok(reply.body["apps"][0].clone())
}

fn asked(message: &str) -> Value {
    json!({ "session_id": "2f1b6a0e-0000-4000-8000-000000000000", "message": message })
}

/// Asks, and gives the generation and the number of the parrot that has said all of the answer.
async fn ask(host: &Host) -> Result<(u64, u32)> {
    let reply = Reply::of(host.client()?.post("/api/v1/chat/chat/text", &asked("Hello"))).await?;
    ensure!(reply.status == StatusCode::OK, "{} {}", reply.status, reply.body);
    let generation = reply.header(GENERATION).context("no generation")?.parse()?;
    Ok((generation, who(reply.body["response"].as_str().context("no response")?)?))
}

/// The number of the parrot whose word is all of a text.
fn who(text: &str) -> Result<u32> {
    let words: Vec<_> = text.split_whitespace().collect();
    let first = words.first().context("an empty answer")?;
    ensure!(words.len() == TIMES && words.iter().all(|word| word == first), "a mixed answer: {text}");
    Ok(first.strip_prefix("parrot-").context("no parrot")?.parse()?)
}

/// The text of a stream that has come to its end.
fn streamed(events: &[Event]) -> Result<String> {
    ensure!(events.last().is_some_and(|event| event.name == "done"), "a cut stream: {events:?}");
    let deltas = events.iter().filter(|event| event.name == "delta");
    Ok(deltas.filter_map(|event| event.data["text"].as_str()).collect())
}
