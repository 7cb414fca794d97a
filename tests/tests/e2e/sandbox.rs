//! A component that breaks a limit harms its own request alone.

use anyhow::{Context, Result};
use e2e::{Host, Reply, Settings, root, said};
use reqwest::StatusCode;
use serde_json::json;
use std::time::{Duration, Instant};

async fn host() -> Result<Host> {
    let hostile = root().join("target/wasm32-wasip2/component/hostile.wasm");
    let settings = Settings::new()?
        .set("apps.chat.gateway", hostile.display().to_string())
        .set("apps.chat.limits.cpu", "300ms")
        .set("apps.chat.limits.memory", "16 MiB");
    Host::with(settings).await
}

#[tokio::test]
async fn each_broken_limit_is_a_500_and_the_next_request_is_served() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    for path in ["/loop", "/grow", "/recurse", "/trap", "/hoard", "/nothing"] {
        let broken = Reply::of(client.get(path)).await?;
        assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(broken.body["detail"].is_string(), "{path}: {}", broken.body);
        assert_eq!(Reply::of(client.get("/fine")).await?.status, StatusCode::OK, "after {path}");
    }
    for (kind, count) in [("cpu", 1.0), ("memory", 1.0), ("trap", 3.0), ("no_response", 1.0)] {
        let sample = format!("corral_request_failures_total{{app=\"chat\",kind=\"{kind}\"}}");
        assert_eq!(host.metric(&sample).await?, Some(count), "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn a_flood_of_output_is_cut() -> Result<()> {
    let host = host().await?;
    assert_eq!(Reply::of(host.client()?.get("/flood")).await?.status, StatusCode::OK);
    let log = host.log()?;
    assert!(log.contains("line 1 of a flood") && log.contains("prints too much"), "{log}");
    assert!(log.len() < 1 << 20, "{} bytes of log", log.len());
    Ok(())
}

#[tokio::test]
async fn others_are_served_while_components_loop() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    let loops: Vec<_> = (0..4).map(|_| tokio::spawn(client.get("/loop").send())).collect();
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(Reply::of(client.get("/fine")).await?.status, StatusCode::OK);
    }
    // Four loops of 300 ms on two cores: waiting for all of them would take far longer.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for task in loops {
        assert_eq!(task.await??.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_longer_than_its_limit_is_broken_off() -> Result<()> {
    let host = Host::with(Settings::new()?.set("apps.chat.limits.output", "2 KiB")).await?;
    let client = host.client()?;
    client.session().await?;
    // The description of the routes is longer.
    let broken = async { client.get("/openapi.json").send().await?.bytes().await };
    assert!(broken.await.is_err());
    let sample = "corral_request_failures_total{app=\"chat\",kind=\"broken_answer\"}";
    assert_eq!(host.metric(sample).await?, Some(1.0));
    assert!(host.log()?.contains("longer than its limit"));
    client.session().await?;
    Ok(())
}

#[tokio::test]
async fn a_request_has_its_tokens_and_no_more() -> Result<()> {
    let host = Host::with(Settings::new()?.set("apps.chat.limits.tokens", 10)).await?;
    let client = host.client()?;
    for _ in 0..2 {
        let mut turn = said(&client.session().await?, "Tell me a long story about a heron.");
        turn["max_tokens"] = json!(50);
        turn["include"] = json!(["usage"]);
        let answer = Reply::of(client.post("/api/v1/chat/chat/text", &turn)).await?;
        assert_eq!(answer.body["usage"]["completion_tokens"], 10, "{}", answer.body);
    }
    Ok(())
}

#[tokio::test]
async fn an_application_has_the_models_that_it_is_granted() -> Result<()> {
    let settings = Settings::new()?;
    let file = settings.get("inference.model").cloned().context("no model")?;
    let host = settings
        .set("inference.models.own.model", file)
        .set("inference.models.own.n_ctx", 512)
        .set("inference.models.own.parallel", 1)
        .set("inference.models.own.threads", 1)
        .set("apps.chat.models", vec!["own"]);
    let host = Host::with(host).await?;
    let client = host.client()?;
    let ask = async |model: Option<&str>| {
        let messages = json!([{ "role": "user", "content": "What is a heron?" }]);
        let mut body = json!({ "messages": messages, "max_tokens": 4 });
        if let Some(model) = model {
            body["model"] = json!(model);
        }
        Reply::of(client.post("/v1/chat/completions", &body)).await
    };
    let default = "smollm2-135m-instruct-q4_1";
    assert_eq!(ask(Some("own")).await?.status, StatusCode::OK);
    assert_eq!(ask(Some(default)).await?.body["error"]["code"], "model_not_found");
    let listed = Reply::of(client.get("/v1/models")).await?.body;
    assert!(listed["data"][0]["id"] == "own" && !listed.to_string().contains(default), "{listed}");
    // Where a turn names no model, the first of those that are granted is meant.
    let mut turn = said(&client.session().await?, &"word ".repeat(600));
    turn["max_tokens"] = json!(4);
    let overflow = Reply::of(client.post("/api/v1/chat/chat/text", &turn)).await?;
    assert_eq!(overflow.status, StatusCode::BAD_REQUEST, "{}", overflow.body);
    Ok(())
}
