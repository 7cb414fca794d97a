//! Sessions never see each other's past, documents or cached state.

use anyhow::Result;
use e2e::{Host, Reply, Settings};
use serde_json::json;

#[tokio::test]
async fn canaries_stay_in_their_sessions() -> Result<()> {
    // One slot, so that both sessions take turns in the same sequence of the model.
    let host = Host::with(Settings::new()?.set("inference.parallel", 1)).await?;
    let client = host.client()?;
    let (left, right) = (client.session().await?, client.session().await?);
    client.documents(&left, json!([{ "text": "The secret word is Quillfeather.", "id": "canary" }])).await?;
    client.documents(&right, json!([{ "text": "The secret word is Marlinspike.", "id": "canary" }])).await?;

    for _ in 0..2 {
        for (session, own, other) in
            [(&left, "Quillfeather", "Marlinspike"), (&right, "Marlinspike", "Quillfeather")]
        {
            let answer = client.say(session, "What is the secret word?").await?.to_string();
            assert!(answer.contains(own), "{answer}");
            assert!(!answer.contains(other), "{answer}");
            let stored = client.stored(session).await?.body.to_string();
            assert!(!stored.contains(other), "{stored}");
            let document = client.get(&format!("/api/v1/chat/documents/canary?session_id={session}"));
            assert!(!Reply::of(document).await?.body.to_string().contains(other));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_new_session_reuses_nothing_of_anothers_conversation() -> Result<()> {
    let host = Host::with(Settings::new()?.set("inference.parallel", 1)).await?;
    let client = host.client()?;
    let question = "Tell me of the tide tables of Husum.";
    let first = client.say(&client.session().await?, question).await?;
    let second = client.say(&client.session().await?, question).await?;
    assert_eq!(first["response"], second["response"], "greedy answers differ");
    // The system prompt is everyone's, and no more than that is reused.
    let stranger = client.say(&client.session().await?, "Who are you?").await?;
    assert_eq!(second["usage"]["cached_tokens"], stranger["usage"]["cached_tokens"], "{second}");
    assert_eq!(first["usage"]["cached_tokens"], 0, "{first}");
    Ok(())
}
