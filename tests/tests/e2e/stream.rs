//! Answers arrive as they are made, and stop when nobody listens.

use anyhow::{Context, Result};
use e2e::{Host, Settings, said};
use serde_json::{Value, json};

fn long(session: &str) -> Value {
    json!({ "session_id": session, "message": "Tell me a long story about a heron.", "max_tokens": 120, "temperature": 0 })
}

/// Far more than a test would wait for.
fn endless(session: &str) -> Value {
    let mut body = long(session);
    body["max_tokens"] = json!(1500);
    body
}

/// Nothing is generated any more, long before the end, and nothing was stored.
async fn generation_stops(host: &Host, session: &str) -> Result<()> {
    host.until_metric("corral_inference_running", 0.0).await?;
    let generated = host.metric("corral_inference_generated_tokens_total").await?.context("no metric")?;
    assert!(generated < 1000.0, "{generated} tokens were generated for nobody");
    assert_eq!(host.client()?.stored(session).await?.body["history"], json!([]));
    Ok(())
}

#[tokio::test]
async fn tokens_arrive_over_time_and_add_up_to_what_is_stored() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let mut events = client.stream(&long(&session)).await?;
    let header = |name: &str| events.head().headers().get(name).and_then(|value| value.to_str().ok());
    assert!(header("content-type").context("no type")?.starts_with("text/event-stream"));
    assert_eq!(header("cache-control"), Some("no-cache"));
    assert_eq!(header("x-accel-buffering"), Some("no"));

    let (mut names, mut text, mut times) = (Vec::new(), String::new(), Vec::new());
    while let Some(event) = events.next().await? {
        if event.name == "delta" {
            text.push_str(event.data["text"].as_str().context("no text")?);
            times.push(event.at);
        } else {
            names.push(event.name);
        }
    }
    assert_eq!(names, ["sources", "done"]);
    assert!(times.len() > 20, "only {} deltas", times.len());
    let mut distinct = times.clone();
    distinct.dedup_by_key(|at| at.duration_since(times[0]).as_millis() / 5);
    assert!(distinct.len() > 10, "the deltas came in {} heaps", distinct.len());
    let stored = client.stored(&session).await?.body;
    assert_eq!(stored["history"][0]["ai"], text);
    Ok(())
}

#[tokio::test]
async fn a_stream_and_a_text_answer_are_the_same() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let text = client.say(&client.session().await?, "What is a heron?").await?;
    let events = client.streamed(&said(&client.session().await?, "What is a heron?")).await?;
    let streamed: String = events.iter().filter_map(|event| event.data["text"].as_str()).collect();
    assert_eq!(text["response"], streamed);
    let done = events.last().context("no events")?;
    assert_eq!(done.name, "done");
    assert_eq!(done.data["persisted"], true);
    assert_eq!(done.data["usage"]["prompt_tokens"], text["usage"]["prompt_tokens"]);
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_slot_and_stores_nothing() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let body = endless(&session);
    let mut events = client.stream(&body).await?;
    while events.next().await?.context("the stream ended")?.name != "delta" {}
    assert_eq!(host.metric("corral_inference_running").await?, Some(1.0));
    drop(events);

    generation_stops(&host, &session).await
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_whole_answer_frees_its_slot_too() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let body = endless(&session);
    let asking = tokio::spawn(client.post("/api/v1/chat/chat/text", &body).send());
    host.until_metric("corral_inference_running", 1.0).await?;
    asking.abort();

    generation_stops(&host, &session).await
}

#[tokio::test]
async fn a_stream_that_waits_its_turn_is_kept_alive_by_pings() -> Result<()> {
    let host = Host::with(Settings::new()?.set("inference.parallel", 1)).await?;
    let client = host.client()?;
    let mut ahead = Vec::new();
    // Together they take longer than the 15 seconds after which a client hears that the work goes on.
    for _ in 0..60 {
        ahead.push(client.stream(&long(&client.session().await?)).await?);
    }
    let body = long(&client.session().await?);
    let mut waiting = client.post("/api/v1/chat/chat/stream", &body).send().await?;
    let mut text = String::new();
    while !text.contains("\n\n: ping\n") {
        let bytes = waiting.chunk().await?.context("the stream ended without a ping")?;
        text.push_str(std::str::from_utf8(&bytes)?);
        assert!(!text.contains("event: delta"), "it did not have to wait");
    }
    assert!(text.starts_with("event: sources\n"), "{text}");
    Ok(())
}
