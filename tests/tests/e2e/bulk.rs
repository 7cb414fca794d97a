//! Ten thousand passages through the documents endpoint, into each vector store.

use anyhow::{Context, Result};
use corral_services::Chroma;
use e2e::{Host, Reply, Settings};
use serde_json::{Value, json};

/// What one request may bring.
const DOCUMENTS: usize = 100;
const REQUESTS: usize = 100;
/// Requests after which everything that a host keeps once is there.
const FIRST: usize = 20;
/// What the host may have grown by from then on: little beside the vectors that it must not keep (15 MiB), but
/// allocators and SQLite's caches breathe.
const GROWTH: u64 = 128 << 20;

/// The document of the request in the middle that is asked for.
const RARE: &str = "rare";
const FACT: &str = "The lighthouse of Westerhever was built in 1908 and is forty metres high.";
const QUESTION: &str = "When was the lighthouse of Westerhever built?";
const NEW_FACT: &str = "Bread needs flour, water, salt and time.";

#[tokio::test]
async fn the_embedded_store_takes_ten_thousand_passages() -> Result<()> {
    takes_ten_thousand_passages(Settings::new()?).await
}

#[tokio::test]
async fn chroma_takes_ten_thousand_passages() -> Result<()> {
    let chroma = Chroma::start().await?;
    let settings = Settings::new()?.set("vectors.backend", "chroma").set("vectors.url", chroma.url());
    takes_ten_thousand_passages(settings).await
}

async fn takes_ten_thousand_passages(settings: Settings) -> Result<()> {
    let host = Host::with(settings).await?;
    let client = host.client()?;
    let session = client.session().await?;
    let mut at_first = 0;
    for request in 0..REQUESTS {
        if request == FIRST {
            at_first = host.memory()?;
        }
        let stored = client.documents(&session, documents(request)).await?;
        assert_eq!(stored["documents"].as_array().map(Vec::len), Some(DOCUMENTS), "request {request}");
    }
    let at_last = host.memory()?;
    assert!(at_last < at_first + GROWTH, "from {at_first} bytes, the host grew to {at_last}");

    let list = format!("/api/v1/chat/documents?session_id={session}");
    let listed = async || -> Result<usize> {
        let listing = Reply::of(client.get(&list)).await?;
        let documents = listing.body["documents"].as_array();
        Ok(documents.with_context(|| format!("{}: no list", listing.status))?.len())
    };
    assert_eq!(listed().await?, REQUESTS * DOCUMENTS);
    let source = &client.say(&session, QUESTION).await?["sources"][0];
    assert_eq!((&source["document_id"], &source["text"]), (&json!(RARE), &json!(FACT)));

    client.documents(&session, json!([{ "text": NEW_FACT, "id": RARE }])).await?;
    assert_eq!(listed().await?, REQUESTS * DOCUMENTS);
    let answer = client.say(&session, QUESTION).await?;
    let sources = answer["sources"].as_array().context("no sources")?;
    assert!(sources.iter().all(|source| source["text"] != FACT), "the old text was found");
    let document =
        Reply::of(client.get(&format!("/api/v1/chat/documents/{RARE}?session_id={session}"))).await?;
    assert_eq!(document.body["chunks"].as_array().map(Vec::len), Some(1), "{}", document.body);
    assert_eq!(document.body["chunks"][0]["text"], NEW_FACT);
    Ok(())
}

/// What one request brings: short texts, for the model's sake.
fn documents(request: usize) -> Value {
    let note = |number| match (request, number) {
        (50, 0) => json!({ "text": FACT, "id": RARE }),
        // Some have an id, so that there is something to look for and replace.
        (_, 0) => json!({ "text": format!("Oak {request}."), "id": format!("oak-{request}") }),
        _ => json!(format!("Elm {request} {number}.")),
    };
    (0..DOCUMENTS).map(note).collect()
}
