//! Each way to be refused has OpenAI's status and form.

use super::{COMPLETIONS, asked, completed, refused, with};
use anyhow::{Context, Result};
use e2e::{Host, Reply, Settings};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn what_a_request_may_not_say_is_a_400_that_names_it() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    for (name, value, code) in [
        ("temperature", json!(3), "decimal_above_max_value"),
        ("max_tokens", json!("many"), "invalid_type"),
        ("functions", json!([{ "name": "f" }]), "unsupported_parameter"),
        ("n", json!(2), "unsupported_value"),
        ("colour", json!("blue"), "unknown_parameter"),
    ] {
        let body = with(asked("Hello."), name, value);
        refused(&client, &body, StatusCode::BAD_REQUEST, Some(name), code).await?;
    }
    // What only the engine knows.
    let grammar = with(asked("Hello."), "grammar", json!("leaf ::= \"x\""));
    refused(&client, &grammar, StatusCode::BAD_REQUEST, None, "invalid_value").await?;

    let broken = client.request(Method::POST, COMPLETIONS).body("{\"model\": ");
    let broken = Reply::of(broken).await?;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    assert!(broken.body["error"]["message"].as_str().is_some_and(|message| message.contains("JSON")));
    Ok(())
}

#[tokio::test]
async fn unknown_models_and_routes_are_404_and_wrong_methods_405() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    for model in ["gpt-4", super::EMBEDDING_MODEL] {
        let body = with(asked("Hello."), "model", json!(model));
        let message =
            refused(&client, &body, StatusCode::NOT_FOUND, Some("model"), "model_not_found").await?;
        assert!(message.contains(model), "{message}");
    }
    let nowhere = Reply::of(client.get("/v1/nowhere")).await?;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert_eq!(nowhere.body["error"]["type"], "invalid_request_error");
    let wrong = Reply::of(client.get(COMPLETIONS)).await?;
    assert_eq!((wrong.status, wrong.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("POST")));
    assert_eq!(wrong.body["error"]["code"], "method_not_supported");
    Ok(())
}

#[tokio::test]
async fn messages_beyond_the_context_are_a_400_with_both_counts() -> Result<()> {
    let host = Host::with(
        Settings::new()?
            .set("inference.n_ctx", 256)
            .set("inference.n_batch", 256)
            .set("inference.parallel", 1),
    )
    .await?;
    let client = host.client()?;
    let body = asked(&"word ".repeat(600));
    let code = "context_length_exceeded";
    let message = refused(&client, &body, StatusCode::BAD_REQUEST, Some("messages"), code).await?;
    let counts: Vec<u64> =
        message.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    assert!(counts.iter().any(|&n| n > 600) && counts.iter().any(|&n| n <= 256), "{message}");
    // As a stream too: it is known before anything is sent.
    let stream = with(body, "stream", json!(true));
    refused(&client, &stream, StatusCode::BAD_REQUEST, Some("messages"), code).await?;
    Ok(())
}

#[tokio::test]
async fn a_full_queue_is_503_and_says_when_to_return() -> Result<()> {
    let settings = Settings::new()?.set("inference.parallel", 1).set("inference.queue", 1);
    let host = Host::with(settings).await?;
    let client = host.client()?;
    let long = with(asked("Tell me a long story about a heron."), "max_tokens", json!(1500));
    let running = tokio::spawn(client.post(COMPLETIONS, &long).send());
    host.until_metric("corral_inference_running", 1.0).await?;
    let queued = tokio::spawn(client.post(COMPLETIONS, &long).send());
    host.until_metric("corral_inference_queued", 1.0).await?;

    let refused = Reply::of(client.post(COMPLETIONS, &long)).await?;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body);
    assert_eq!(refused.body["error"]["code"], "overloaded");
    assert_eq!(refused.body["error"]["type"], "server_error");
    let seconds: u64 = refused.header("retry-after").context("no Retry-After")?.parse()?;
    assert!(seconds >= 1);
    running.abort();
    queued.abort();
    host.until_metric("corral_inference_running", 0.0).await?;
    completed(&client, &asked("Hello.")).await?;
    Ok(())
}

#[tokio::test]
async fn what_the_host_refuses_before_the_application_sees_it_has_openais_form_too() -> Result<()> {
    let host = Host::with(Settings::new()?.set("server.max_body", "64 KiB")).await?;
    let client = host.client()?;
    let large = Reply::of(client.post(COMPLETIONS, &asked(&"x".repeat(70_000)))).await?;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(large.body["error"]["code"], "too_large");
    Ok(())
}
