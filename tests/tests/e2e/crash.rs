//! A host that dies loses nothing that it had confirmed.

use anyhow::{Context, Result};
use e2e::{Host, Reply, Settings};
use serde_json::json;

#[tokio::test]
async fn sessions_survive_a_kill_in_mid_answer() -> Result<()> {
    let settings = Settings::new()?;
    let host = Host::with(Settings::new()?).await?;
    let client = host.client()?;
    let session = client.session().await?;
    client.documents(&session, json!([{ "text": "The ferry leaves at nine.", "id": "ferry" }])).await?;
    let answer = client.say(&session, "Hello.").await?;
    let body = json!({ "session_id": session, "message": "Tell me a long story about a heron.", "max_tokens": 1000 });
    let mut events = client.stream(&body).await?;
    while events.next().await?.context("the stream ended")?.name != "delta" {}
    let folder = host.kill().await?;

    let host = Host::within(folder, &settings).await?;
    let client = host.client()?;
    let stored = client.stored(&session).await?.body;
    assert_eq!(stored["history"], json!([{ "user": "Hello.", "ai": answer["response"] }]));
    let path = format!("/api/v1/chat/documents/ferry?session_id={session}");
    assert_eq!(Reply::of(client.get(&path)).await?.body["chunks"][0]["text"], "The ferry leaves at nine.");
    client.say(&session, "Are you back?").await?;
    Ok(())
}
