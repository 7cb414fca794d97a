//! Each way to be refused has its status and its form.

use anyhow::{Context, Result};
use e2e::{Host, Reply, Settings, said};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const TEXT: &str = "/api/v1/chat/chat/text";

async fn raw(host: &Host, path: &str, body: &str) -> Result<Reply> {
    let request = host.client()?.request(Method::POST, path).header("content-type", "application/json");
    Reply::of(request.body(body.to_owned())).await
}

#[tokio::test]
async fn an_invalid_body_is_described_as_fastapi_does() -> Result<()> {
    let host = Host::start().await?;
    let missing = raw(&host, TEXT, r#"{"session_id": "x"}"#).await?;
    assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
    let expected = json!({ "detail": [{
        "type": "missing", "loc": ["body", "message"], "msg": "Field required", "input": { "session_id": "x" },
    }] });
    assert_eq!(missing.body, expected);

    let typed = raw(&host, TEXT, r#"{"session_id": 1, "message": "x"}"#).await?;
    let expected = json!({ "detail": [{
        "type": "string_type", "loc": ["body", "session_id"], "msg": "Input should be a valid string", "input": 1,
    }] });
    assert_eq!(typed.body, expected);

    let broken = raw(&host, TEXT, r#"{"session_id": "#).await?;
    assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(broken.body["detail"][0]["type"], "json_invalid");
    Ok(())
}

#[tokio::test]
async fn unknown_things_are_404_and_wrong_methods_405() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let unknown = uuid::Uuid::new_v4().to_string();
    let session = client.stored(&unknown).await?;
    assert_eq!(
        (session.status, session.body),
        (StatusCode::NOT_FOUND, json!({ "detail": "Session not found" }))
    );
    for path in [TEXT, "/api/v1/chat/chat/stream"] {
        let said = Reply::of(client.post(path, &said(&unknown, "Hello."))).await?;
        assert_eq!(
            (said.status, said.body),
            (StatusCode::NOT_FOUND, json!({ "detail": "Session not found" }))
        );
    }
    let nowhere = Reply::of(client.get("/api/v1/nowhere")).await?;
    assert_eq!((nowhere.status, nowhere.body), (StatusCode::NOT_FOUND, json!({ "detail": "Not Found" })));
    let wrong = Reply::of(client.get(TEXT)).await?;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.header("allow"), Some("POST"));
    assert_eq!(wrong.body, json!({ "detail": "Method Not Allowed" }));
    Ok(())
}

#[tokio::test]
async fn a_body_too_large_is_413() -> Result<()> {
    let host = Host::with(Settings::new()?.set("server.max_body", "64 KiB")).await?;
    let client = host.client()?;
    let large = "x".repeat(70_000);
    let announced = raw(&host, TEXT, &large).await?;
    assert_eq!(announced.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(announced.body["detail"].is_string(), "{}", announced.body);
    let chunks = (0..70).map(|_| Ok::<_, std::io::Error>("x".repeat(1000)));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let streamed = Reply::of(client.request(Method::POST, TEXT).body(body)).await?;
    assert_eq!(streamed.status, StatusCode::PAYLOAD_TOO_LARGE);
    Ok(())
}

#[tokio::test]
async fn a_message_beyond_the_context_is_400_with_both_counts() -> Result<()> {
    let host = Host::with(
        Settings::new()?
            .set("inference.n_ctx", 256)
            .set("inference.n_batch", 256)
            .set("inference.parallel", 1),
    )
    .await?;
    let client = host.client()?;
    let session = client.session().await?;
    let reply = Reply::of(client.post(TEXT, &said(&session, &"word ".repeat(600)))).await?;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.body);
    let detail = reply.body["detail"].as_str().context("no detail")?;
    let counts: Vec<u64> =
        detail.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    assert!(counts.iter().any(|&n| n > 600) && counts.iter().any(|&n| n <= 256), "{detail}");
    Ok(())
}

#[tokio::test]
async fn a_full_queue_is_503_and_says_when_to_return() -> Result<()> {
    let settings = Settings::new()?.set("inference.parallel", 1).set("inference.queue", 1);
    let host = Host::with(settings).await?;
    let client = host.client()?;
    let mut body = said(&client.session().await?, "Tell me a long story about a heron.");
    body["max_tokens"] = json!(1500);
    let running = client.stream(&body).await?;
    host.until_metric("corral_inference_running", 1.0).await?;
    let queued = client.stream(&body).await?;
    host.until_metric("corral_inference_queued", 1.0).await?;

    let refused = Reply::of(client.post(TEXT, &body)).await?;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body);
    let seconds: u64 = refused.header("retry-after").context("no Retry-After")?.parse()?;
    assert!(seconds >= 1);
    drop((running, queued));
    host.until_metric("corral_inference_running", 0.0).await?;
    client.say(&client.session().await?, "Hello.").await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_504() -> Result<()> {
    let host = Host::with(Settings::new()?.set("server.request_timeout", "1s")).await?;
    let client = host.client()?;
    let mut body = said(&client.session().await?, "Tell me a long story about a heron.");
    body["max_tokens"] = json!(1500);
    let late = Reply::of(client.post(TEXT, &body)).await?;
    assert_eq!(late.status, StatusCode::GATEWAY_TIMEOUT, "{}", late.body);
    assert!(late.body["detail"].is_string(), "{}", late.body);
    host.until_metric("corral_inference_running", 0.0).await
}

#[tokio::test]
async fn every_response_names_its_request() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    for path in ["/api/v1/nowhere", "/openapi.json", "/livez"] {
        let named = Reply::of(client.get(path).header("x-request-id", "mine-1")).await?;
        assert_eq!(named.header("x-request-id"), Some("mine-1"), "{path}");
        let fresh = Reply::of(client.get(path)).await?;
        assert!(fresh.header("x-request-id").is_some_and(|id| id.len() >= 16), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn the_openapi_document_names_every_route() -> Result<()> {
    let host = Host::start().await?;
    let document = Reply::of(host.client()?.get("/openapi.json")).await?.body;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")));
    for (path, method) in [
        ("/api/v1/chat/session", "post"),
        ("/api/v1/chat/session/{session_id}", "get"),
        ("/api/v1/chat/session/{session_id}", "delete"),
        (TEXT, "post"),
        ("/api/v1/chat/chat/stream", "post"),
        ("/api/v1/chat/documents", "post"),
        ("/api/v1/chat/documents", "get"),
        ("/api/v1/chat/documents/{document_id}", "delete"),
    ] {
        assert_ne!(document["paths"][path][method], Value::Null, "{method} {path}");
    }
    Ok(())
}
