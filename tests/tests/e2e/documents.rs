//! Documents given to a session are found, and reach the prompt.

use anyhow::{Context, Result};
use e2e::{Host, Reply};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const FACT: &str = "The lighthouse of Westerhever was built in 1908 and is forty metres high.";

#[tokio::test]
async fn a_fact_comes_from_its_document_and_is_in_the_prompt() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let question = "When was the lighthouse of Westerhever built?";
    let bare = client.say(&client.session().await?, question).await?;
    let given = json!([{ "text": FACT, "id": "lighthouse" }, "Bread needs flour, water, salt and time."]);
    let stored = client.documents(&session, given).await?;
    assert_eq!(stored["documents"][0], json!({ "id": "lighthouse", "chunks": 1 }));

    let answer = client.say(&session, question).await?;
    let source = &answer["sources"][0];
    assert_eq!(source["document_id"], "lighthouse", "{answer}");
    assert_eq!(source["text"], FACT);
    assert!(source["score"].as_f64().context("no score")? > 0.5, "{source}");
    let tokens = |answer: &Value| answer["usage"]["prompt_tokens"].as_u64().unwrap_or_default();
    assert!(tokens(&answer) > tokens(&bare) + 15, "the prompt did not grow by the passage");
    Ok(())
}

#[tokio::test]
async fn a_long_document_is_cut_into_chunks_that_give_it_back() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let text: String =
        (0..120).map(|n| format!("Sentence {n} speaks of a grey heron by the river. ")).collect();
    let stored = client.documents(&session, json!([{ "text": text, "id": "long" }])).await?;
    assert!(stored["documents"][0]["chunks"].as_u64().context("no chunks")? > 4, "{stored}");

    let path = format!("/api/v1/chat/documents/long?session_id={session}");
    let document = Reply::of(client.get(&path)).await?.body;
    let chars: Vec<char> = text.chars().collect();
    let mut covered = 0;
    for chunk in document["chunks"].as_array().context("no chunks")? {
        let bound =
            |name: &str| chunk[name].as_u64().and_then(|n| usize::try_from(n).ok()).context("no offset");
        let (start, end) = (bound("start")?, bound("end")?);
        assert!(start <= covered && end > covered, "a gap before {start}");
        let slice: String = chars[start..end].iter().collect();
        assert_eq!(chunk["text"], slice);
        covered = end;
    }
    assert_eq!(covered, chars.len());
    Ok(())
}

#[tokio::test]
async fn documents_are_listed_replaced_and_deleted() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let list = format!("/api/v1/chat/documents?session_id={session}");
    let one = format!("/api/v1/chat/documents/a?session_id={session}");
    client
        .documents(&session, json!([{ "text": "Old words.", "id": "a", "metadata": { "kind": "note" } }]))
        .await?;
    client
        .documents(&session, json!([{ "text": "New words.", "id": "a" }, { "text": "Others.", "id": "b" }]))
        .await?;

    let listed = Reply::of(client.get(&list)).await?.body;
    let ids: Vec<_> =
        listed["documents"].as_array().context("no list")?.iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["a", "b"]);
    let document = Reply::of(client.get(&one)).await?.body;
    assert_eq!(document["chunks"][0]["text"], "New words.");
    assert_eq!(document["chunks"].as_array().map(Vec::len), Some(1));

    assert_eq!(Reply::of(client.request(Method::DELETE, &one)).await?.status, StatusCode::NO_CONTENT);
    assert_eq!(Reply::of(client.get(&one)).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(Reply::of(client.request(Method::DELETE, &list)).await?.status, StatusCode::NO_CONTENT);
    assert_eq!(Reply::of(client.get(&list)).await?.body, json!({ "documents": [] }));
    Ok(())
}
