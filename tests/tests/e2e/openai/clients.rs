//! The packages that applications use, as they use them: OpenAI's own for Python and for Node.js, and LangChain's.

use super::{EMBEDDING_MODEL, MODEL};
use anyhow::{Context, Result};
use e2e::{Host, root};
use serde_json::{Value, json};
use std::path::Path;
use tokio::process::Command;

/// What a script with a package saw of a host.
async fn driven(interpreter: &Path, script: &str, host: &Host, session: &str) -> Result<Value> {
    let output = Command::new(interpreter)
        .arg(root().join("tests/fixtures/openai").join(script))
        .args([host.url(), MODEL, EMBEDDING_MODEL, session])
        // Where the package for Node.js is.
        .current_dir(root().join(".corral/javascript/openai"))
        .kill_on_drop(true)
        .output()
        .await?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("what the script prints")
}

#[tokio::test]
async fn openais_package_for_python_finds_what_it_expects() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let seen = driven(&corral_services::python()?, "drive.py", &host, &session).await?;

    assert_eq!((&seen["models"], &seen["model"]), (&json!([MODEL, EMBEDDING_MODEL]), &json!(MODEL)));
    assert_eq!((&seen["streamed"], &seen["streamed_tokens"]), (&seen["whole"], &seen["tokens"]));
    assert_eq!((&seen["bytes"], &seen["finish_reason"]), (&seen["whole"], &json!("length")));
    assert_eq!((&seen["tokens"], &seen["rivals"]), (&json!(16), &json!(vec![2; 16])));
    assert!(seen["cached"].as_u64().is_some_and(|tokens| tokens > 0), "{seen}");

    assert_eq!(seen["corral"], json!({ "sources": [], "persisted": true }));
    let pair = json!([{ "user": "My name is Ada.", "ai": seen["turn"] }]);
    assert_eq!(client.stored(&session).await?.body["history"], pair);

    assert_eq!((&seen["text"], &seen["scored"]), (&seen["pieces"], &seen["text"]));
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
        "prompt": ["BadRequestError", 400, "prompt", "unsupported_parameter"],
    });
    assert_eq!(seen["refusals"], refusals);
    Ok(())
}

#[tokio::test]
async fn openais_package_for_node_finds_what_it_expects() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let node = root().join(".corral/javascript/bin/node");
    anyhow::ensure!(node.exists(), "{} is missing: run `make examples`", node.display());
    let seen = driven(&node, "drive.mjs", &host, &session).await?;

    assert_eq!(seen["models"], json!([MODEL, EMBEDDING_MODEL]));
    assert_eq!((&seen["streamed"], &seen["streamedTokens"]), (&seen["whole"], &json!(true)));
    assert!(seen["cached"].is_u64(), "{seen}");
    assert_eq!((&seen["shaped"], &seen["persisted"]), (&json!("boolean"), &json!(true)));
    let pair = json!([{ "user": "My name is Ada.", "ai": seen["turn"] }]);
    assert_eq!(client.stored(&session).await?.body["history"], pair);
    assert_eq!((&seen["pieces"], &seen["tokens"]), (&seen["text"], &seen["text"]));
    assert_eq!(seen["dimensions"], json!([384, 384]));
    let refusals = json!({
        "model": ["NotFoundError", 404, "model", "model_not_found"],
        "tools": ["BadRequestError", 400, "tools", "unsupported_parameter"],
        "suffix": ["BadRequestError", 400, "suffix", "unsupported_parameter"],
    });
    assert_eq!(seen["refusals"], refusals);
    Ok(())
}

#[tokio::test]
async fn langchain_finds_what_it_expects() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let seen = driven(&corral_services::python()?, "drive_langchain.py", &host, &session).await?;

    assert_eq!((&seen["streamed"], &seen["streamed_tokens"]), (&seen["whole"], &seen["tokens"]));
    assert_eq!((&seen["finish_reason"], &seen["shaped"]), (&json!("length"), &json!("bool")));
    let pair = json!([{ "user": "My name is Ada.", "ai": seen["turn"] }]);
    assert_eq!(client.stored(&session).await?.body["history"], pair);
    assert!(seen["text"].as_str().is_some_and(|text| !text.is_empty()), "{seen}");
    assert_eq!((&seen["dimensions"], &seen["query"]), (&json!([384, 384]), &json!(384)));
    Ok(())
}

#[tokio::test]
async fn openais_package_for_python_has_a_tool_called() -> Result<()> {
    let host = super::tools::host().await?;
    let seen = driven(&corral_services::python()?, "tools.py", &host, "none").await?;
    let expected = json!({
        "finish_reason": "tool_calls",
        "content": null,
        "call": ["function", "get_weather", ["town", "unit"]],
        "answer": "str",
        "events": true,
        "streamed": ["tool_calls", "get_weather", true],
        "third": true,
        "refusal": ["messages[1].tool_call_id", "invalid_value"],
    });
    assert_eq!(seen, expected);
    Ok(())
}

#[tokio::test]
async fn openais_package_for_node_has_a_tool_called() -> Result<()> {
    let host = super::tools::host().await?;
    let node = root().join(".corral/javascript/bin/node");
    anyhow::ensure!(node.exists(), "{} is missing: run `make examples`", node.display());
    let seen = driven(&node, "tools.mjs", &host, "none").await?;
    assert_eq!((&seen["finishReason"], &seen["answer"]), (&json!("tool_calls"), &json!("string")), "{seen}");
    assert_eq!(seen["call"], json!(["function", "get_weather", ["town", "unit"]]));
    assert_eq!((&seen["streamed"], &seen["ran"]), (&json!(true), &json!(["town", "unit"])), "{seen}");
    assert_eq!(
        seen["roles"].as_array().map(|roles| &roles[..3]),
        Some(&[json!("user"), json!("assistant"), json!("tool")][..])
    );
    Ok(())
}
