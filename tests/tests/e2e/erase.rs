//! What a deleted session held is nowhere any more.

use crate::shared::chroma;
use anyhow::{Context, Result, ensure};
use corral_services::{Redis, python};
use e2e::{Client, Host, Reply, Settings, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio::process::Command;

/// A word that no model says by itself, in small letters, as indexes keep words.
const CANARY: &str = "zephyrinequokka";

/// Writes everything that a Redis holds, keys and values.
const DUMP: &str = "
import redis, sys
store = redis.Redis(port=int(sys.argv[1]))
read = {
    b'string': store.get, b'hash': store.hgetall, b'set': store.smembers,
    b'list': lambda key: store.lrange(key, 0, -1), b'zset': lambda key: store.zrange(key, 0, -1),
}
for key in store.scan_iter():
    print(key, read[store.type(key)](key))
";

/// A session that has the word in a message and in a document.
async fn tell(client: &Client) -> Result<String> {
    let session = client.session().await?;
    let document = json!({ "text": format!("The canary is called {CANARY}."), "id": "canary", "metadata": { "of": CANARY } });
    client.documents(&session, json!([document])).await?;
    client.say(&session, &format!("Who is {CANARY}?")).await?;
    Ok(session)
}

/// Deletes the session, after which no interface knows it.
async fn erase(client: &Client, session: &str) -> Result<()> {
    let path = format!("/api/v1/chat/session/{session}");
    let deleted = Reply::of(client.request(Method::DELETE, &path)).await?;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{}", deleted.body);
    for path in [
        path,
        format!("/api/v1/chat/documents?session_id={session}"),
        format!("/api/v1/chat/documents/canary?session_id={session}"),
    ] {
        let reply = Reply::of(client.get(&path)).await?;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}: {}", reply.body);
    }
    Ok(())
}

#[tokio::test]
async fn the_embedded_store_keeps_no_byte_of_a_deleted_session() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let kept = client.session().await?;
    client.documents(&kept, json!([{ "text": "The ferry leaves at nine.", "id": "ferry" }])).await?;
    let session = tell(&client).await?;
    let data = host.folder().join(".corral");
    ensure!(!holding(&data, CANARY)?.is_empty(), "no file ever held the word");

    erase(&client, &session).await?;
    until("no file holds the word", async || Ok(holding(&data, CANARY)?.is_empty()))
        .await
        .with_context(|| format!("{:?}", holding(&data, CANARY)))?;
    assert!(!host.log()?.contains(CANARY), "the log holds the word");
    let answer = client.say(&kept, "When does the ferry leave?").await?;
    assert_eq!(answer["sources"][0]["document_id"], "ferry", "{answer}");
    Ok(())
}

#[tokio::test]
async fn redis_and_chroma_keep_nothing_of_a_deleted_session_that_they_would_give() -> Result<()> {
    let collection = "erase";
    let (redis, chroma) = (Redis::start().await?, chroma().await?);
    let host = Host::with(Settings::new()?.redis(redis.port()).chroma(chroma.port(), collection)).await?;
    let client = host.client()?;
    let kept = client.session().await?;
    client.documents(&kept, json!([{ "text": "The ferry leaves at nine.", "id": "ferry" }])).await?;
    let session = tell(&client).await?;
    let (before, passages) = (dump(&redis).await?, records(&chroma.url(), collection).await?.to_string());
    for word in [CANARY, &session] {
        ensure!(before.contains(word) && passages.contains(word), "the stores never held the word");
    }

    erase(&client, &session).await?;
    until("Redis holds no word of it", async || {
        let dump = dump(&redis).await?;
        assert!(dump.contains(&kept), "{dump}");
        Ok(!dump.contains(CANARY) && !dump.contains(&session))
    })
    .await?;
    until("Chroma gives no word of it", async || {
        let records = records(&chroma.url(), collection).await?.to_string();
        assert!(records.contains(&kept), "{records}");
        Ok(!records.contains(CANARY) && !records.contains(&session))
    })
    .await?;
    // What the host would have kept beside the servers.
    assert_eq!(holding(&host.folder(), CANARY)?, Vec::<PathBuf>::new());
    Ok(())
}

/// The files of a folder and below that hold a word, in whatever letters.
fn holding(folder: &Path, word: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        // Compiled components, large, and the same whoever talks to them.
        if path.ends_with("cache") {
            continue;
        }
        if path.is_dir() {
            found.extend(holding(&path, word)?);
            continue;
        }
        let Ok(bytes) = fs::read(&path) else { continue };
        if bytes.windows(word.len()).any(|bytes| bytes.eq_ignore_ascii_case(word.as_bytes())) {
            found.push(path);
        }
    }
    Ok(found)
}

async fn dump(redis: &Redis) -> Result<String> {
    let told = Command::new(python()?).args(["-c", DUMP, &redis.port().to_string()]).output().await?;
    ensure!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    Ok(String::from_utf8(told.stdout)?)
}

/// Everything that Chroma gives of a collection, vectors aside.
async fn records(url: &str, collection: &str) -> Result<Value> {
    let client = Client::new(url)?;
    let all = "/api/v2/tenants/default_tenant/databases/default_database/collections";
    let found = Reply::of(client.get(&format!("{all}/{collection}"))).await?;
    let id = found.body["id"].as_str().with_context(|| found.body.to_string())?;
    let included = json!({ "include": ["documents", "metadatas", "uris"] });
    let records = Reply::of(client.post(&format!("{all}/{id}/get"), &included)).await?;
    ensure!(records.status == StatusCode::OK, "{}", records.body);
    Ok(records.body)
}
