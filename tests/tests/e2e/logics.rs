//! Every chat logic in the tree keeps what clients rely on, whatever it is written in and whatever it says.

use anyhow::{Context, Result};
use e2e::{Client, Host, Reply, Settings, root, said};
use futures_util::future::try_join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

const FACT: &str = "The lighthouse of Westerhever was built in 1908 and is forty metres high.";
const QUESTION: &str = "When was the lighthouse of Westerhever built?";
/// Turns of one session at the same time.
const AT_ONCE: usize = 4;

#[tokio::test]
async fn the_default_one() -> Result<()> {
    keeps_its_promises("target/wasm32-wasip2/component/corral_chat.wasm").await
}

#[tokio::test]
async fn the_one_that_a_project_begins_with() -> Result<()> {
    keeps_its_promises("target/wasm32-wasip2/component/starter.wasm").await
}

#[tokio::test]
async fn the_one_that_only_quotes() -> Result<()> {
    let logic = "target/wasm32-wasip2/component/quotes.wasm";
    keeps_its_promises(logic).await?;
    let host = hosted(logic).await?;
    let client = host.client()?;
    let session = with_document(&client).await?;
    let answer = client.say(&session, QUESTION).await?;
    assert_eq!(answer["response"], format!("> {FACT}\n— lighthouse"));
    assert_eq!(host.metric("corral_inference_generated_tokens_total").await?, Some(0.0));
    Ok(())
}

#[tokio::test]
async fn the_one_in_javascript() -> Result<()> {
    let logic = ".corral/javascript/logic.wasm";
    keeps_its_promises(logic).await?;
    let host = hosted(logic).await?;
    let client = host.client()?;
    let session = client.session().await?;
    let body = json!({ "session_id": session, "message": "Tell me a story.", "max_tokens": 1500 });
    let mut events = client.stream(&body).await?;
    events.next().await?.context("no event")?;
    host.until_metric("corral_inference_running", 1.0).await?;
    drop(events);
    host.until_metric("corral_inference_running", 0.0).await?;
    assert_eq!(client.stored(&session).await?.body["history"], json!([]), "what nobody heard is not stored");
    Ok(())
}

async fn hosted(logic: &str) -> Result<Host> {
    let path = root().join(logic);
    anyhow::ensure!(path.exists(), "{} is missing: run `make guests`", path.display());
    Host::with(Settings::new()?.set("apps.chat.logic", path.display().to_string())).await
}

async fn with_document(client: &Client) -> Result<String> {
    let session = client.session().await?;
    client.documents(&session, json!([{ "text": FACT, "id": "lighthouse" }])).await?;
    Ok(session)
}

async fn keeps_its_promises(logic: &str) -> Result<()> {
    let host = hosted(logic).await?;
    let client = host.client()?;
    an_answer_has_its_sources_and_is_stored(&client).await?;
    a_stream_is_what_is_stored(&client).await?;
    a_session_has_no_other_ones_documents(&client).await?;
    turns_at_once_are_all_stored(&client).await?;
    what_is_not_there_is_said_before_anything_else(&client).await
}

async fn an_answer_has_its_sources_and_is_stored(client: &Client) -> Result<()> {
    let session = with_document(client).await?;
    let answer = client.say(&session, QUESTION).await?;
    let source = &answer["sources"][0];
    assert_eq!((&source["document_id"], &source["text"]), (&json!("lighthouse"), &json!(FACT)));
    assert_eq!((&source["start"], &source["end"]), (&json!(0), &json!(FACT.chars().count())), "{source}");
    assert!(source["score"].as_f64().is_some_and(|score| score > 0.5), "{source}");
    assert!(!text(&answer["response"])?.is_empty());
    let stored = client.stored(&session).await?.body;
    assert_eq!(stored["history"], json!([{ "user": QUESTION, "ai": answer["response"] }]));
    Ok(())
}

async fn a_stream_is_what_is_stored(client: &Client) -> Result<()> {
    let session = with_document(client).await?;
    let events = client.streamed(&said(&session, QUESTION)).await?;
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    let deltas = names.len() - 2;
    assert!(deltas > 0 && names[0] == "sources" && names[names.len() - 1] == "done", "{names:?}");
    assert!(names[1..=deltas].iter().all(|name| *name == "delta"), "{names:?}");
    let streamed: String =
        events[1..=deltas].iter().filter_map(|event| event.data["text"].as_str()).collect();
    assert_eq!(client.stored(&session).await?.body["history"][0]["ai"], streamed);
    Ok(())
}

async fn a_session_has_no_other_ones_documents(client: &Client) -> Result<()> {
    with_document(client).await?;
    let answer = client.say(&client.session().await?, QUESTION).await?;
    assert_eq!(answer["sources"], json!([]));
    Ok(())
}

async fn turns_at_once_are_all_stored(client: &Client) -> Result<()> {
    let session = client.session().await?;
    let say = |number: usize| {
        let session = session.clone();
        async move { client.say(&session, &format!("Number {number}?")).await }
    };
    try_join_all((0..AT_ONCE).map(say)).await?;
    let stored = client.stored(&session).await?.body;
    let history = stored["history"].as_array().context("no history")?;
    let mut asked: Vec<_> = history.iter().filter_map(|turn| turn["user"].as_str()).collect();
    asked.sort_unstable();
    assert_eq!(asked, ["Number 0?", "Number 1?", "Number 2?", "Number 3?"]);
    Ok(())
}

async fn what_is_not_there_is_said_before_anything_else(client: &Client) -> Result<()> {
    for route in ["text", "stream"] {
        let path = format!("/api/v1/chat/chat/{route}");
        let unknown = said("2f1b6a0e-0000-4000-8000-000000000000", "Hello");
        let refused = Reply::of(client.post(&path, &unknown)).await?;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.body);
    }
    Ok(())
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("no text")
}
