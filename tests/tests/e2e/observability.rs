//! What an operator sees: one line a request, metrics, health, and never what a person typed.

use anyhow::{Context, Result};
use e2e::{Client, Host, Reply, Settings, said};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_request_leaves_one_line_without_its_words() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let request = client.post("/api/v1/chat/chat/text", &said(&session, "My password is Xylophagous."));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let reply = Reply::of(request.header("x-request-id", "watched").header("traceparent", trace)).await?;
    assert_eq!(reply.status, StatusCode::OK);

    host.until_metric("corral_http_requests_in_flight", 0.0).await?;
    let log = host.log()?;
    assert!(!log.contains("Xylophagous"), "the log holds what a person typed");
    let lines: Vec<Value> = log
        .lines()
        .filter(|line| line.contains("\"watched\"") && line.contains("total_ms"))
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = lines[0].to_string();
    for field in [
        "route",
        "status",
        "digest",
        "queue_ms",
        "first_token_ms",
        "total_ms",
        "prompt_tokens",
        "completion_tokens",
    ] {
        assert!(line.contains(&format!("\"{field}\"")), "{field} is missing in {line}");
    }
    assert!(line.contains("0af7651916cd43dd8448eb211c80319c"), "{line}");
    assert!(!line.contains(&session), "the route holds an id: {line}");
    Ok(())
}

#[tokio::test]
async fn metrics_need_the_token_and_count_requests_and_tokens() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let answer = client.say(&client.session().await?, "Hello.").await?;
    let bare = Reply::of(host.admin()?.get("/metrics")).await?;
    assert_eq!(bare.status, StatusCode::UNAUTHORIZED);
    assert!(bare.header("www-authenticate").is_some());
    assert_eq!(Reply::of(client.get("/metrics")).await?.status, StatusCode::NOT_FOUND);

    let generated = host.metric("corral_inference_generated_tokens_total").await?.context("no metric")?;
    let completion = answer["usage"]["completion_tokens"].as_f64().context("no usage")?;
    assert!(generated >= completion, "{generated} < {completion}");
    Ok(())
}

#[tokio::test]
async fn the_token_is_for_its_owner_alone() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::with(Settings::new()?.own_cache()).await?;
    for (file, mode) in
        [(".corral/admin-token", 0o600), (".corral/corral.db", 0o600), (".corral/cache", 0o700)]
    {
        let metadata = std::fs::metadata(host.folder().join(file)).context(file)?;
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{file}");
    }
    Ok(())
}

#[tokio::test]
async fn health_is_told_on_both_listeners() -> Result<()> {
    let host = Host::start().await?;
    for client in [host.client()?, host.admin()?] {
        assert_eq!(Reply::of(client.get("/livez")).await?.status, StatusCode::OK);
        let ready = Reply::of(client.get("/readyz")).await?;
        assert_eq!((ready.status, &ready.body["ready"]), (StatusCode::OK, &json!(true)), "{}", ready.body);
    }
    Ok(())
}

#[tokio::test]
async fn a_host_that_loads_lives_but_is_not_ready() -> Result<()> {
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let folder = tempfile::tempdir()?;
    let settings = Settings::new()?.set("server.listen", free.to_string());
    let mut process = Host::spawn(&folder, &settings)?;
    let client = Client::new(&format!("http://{free}"))?;

    let first = loop {
        match Reply::of(client.get("/readyz")).await {
            Ok(reply) => break reply,
            Err(_not_listening_yet) => tokio::time::sleep(std::time::Duration::from_millis(2)).await,
        }
    };
    assert_eq!((first.status, &first.body["ready"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    assert_eq!(Reply::of(client.get("/livez")).await?.status, StatusCode::OK);
    let early = Reply::of(client.get("/openapi.json")).await?;
    assert_eq!(early.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(early.header("retry-after").is_some());
    while Reply::of(client.get("/readyz")).await?.status != StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(Reply::of(client.get("/openapi.json")).await?.status, StatusCode::OK);
    process.kill().await?;
    Ok(())
}
