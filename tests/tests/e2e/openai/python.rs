//! OpenAI's own package for Python, as an application uses it.

use super::{EMBEDDING_MODEL, MODEL};
use anyhow::{Context, Result};
use e2e::{Host, root};
use serde_json::{Value, json};
use tokio::process::Command;

/// What the package saw of a host.
async fn driven(host: &Host, session: &str) -> Result<Value> {
    let script = root().join("tests/fixtures/openai/drive.py");
    let output = Command::new(corral_services::python()?)
        .arg(script)
        .args([host.url(), MODEL, EMBEDDING_MODEL, session])
        .kill_on_drop(true)
        .output()
        .await?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("what the script prints")
}

#[tokio::test]
async fn the_official_client_finds_what_it_expects() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let seen = driven(&host, &session).await?;

    assert_eq!((&seen["models"], &seen["model"]), (&json!([MODEL, EMBEDDING_MODEL]), &json!(MODEL)));
    assert_eq!((&seen["streamed"], &seen["streamed_tokens"]), (&seen["whole"], &seen["tokens"]));
    assert_eq!((&seen["bytes"], &seen["finish_reason"]), (&seen["whole"], &json!("length")));
    assert_eq!((&seen["tokens"], &seen["rivals"]), (&json!(16), &json!(vec![2; 16])));
    assert!(seen["cached"].as_u64().is_some_and(|tokens| tokens > 0), "{seen}");

    assert_eq!(seen["corral"], json!({ "sources": [], "persisted": true }));
    let pair = json!([{ "user": "My name is Ada.", "ai": seen["turn"] }]);
    assert_eq!(client.stored(&session).await?.body["history"], pair);

    assert_eq!(seen["dimensions"], json!([384, 384]));
    assert!(seen["difference"].as_f64().is_some_and(|difference| difference < 1e-6), "{seen}");
    let refusals = json!({
        "model": ["NotFoundError", 404, "model", "model_not_found"],
        "tools": ["BadRequestError", 400, "tools", "unsupported_parameter"],
        "range": ["BadRequestError", 400, "temperature", "decimal_above_max_value"],
        "unknown": ["BadRequestError", 400, "colour", "unknown_parameter"],
        "session": ["NotFoundError", 404, null, "session_not_found"],
        "length": ["BadRequestError", 400, "messages", "context_length_exceeded"],
        "tokens": ["BadRequestError", 400, "input[0]", "unsupported_parameter"],
    });
    assert_eq!(seen["refusals"], refusals);
    Ok(())
}
