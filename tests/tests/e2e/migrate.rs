//! `corral migrate`: what one store holds is in the other one afterwards, and nothing got lost on the way.

use anyhow::{Context, Result, ensure};
use corral_services::{Chroma, Redis};
use corral_sessions::{Sessions, Turn};
use corral_vectors::{Entry, Item, Model, Vectors};
use e2e::binary;
use serde_json::Value;
use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::process::Command;

#[tokio::test]
async fn sessions_go_to_redis_and_back_unchanged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ids = fill_sessions(&folder.path().join("one.db"), 25).await?;
    let redis = Redis::start().await?;

    let there =
        report(&migrate(&folder, &["sessions", "embedded:one.db", &redis.url(), "--page", "7"]).await?)?;
    let back = report(&migrate(&folder, &["sessions", &redis.url(), "embedded:two.db"]).await?)?;
    for report in [&there, &back] {
        assert_eq!(report["equal"], true, "{report}");
        assert_eq!((&report["copied"], &report["compared"]), (&25.into(), &25.into()), "{report}");
        assert_eq!(report["only_at_destination"], 0, "{report}");
        assert_eq!(report["digest_from"], there["digest_to"], "{report}");
    }
    let [one, two] = [open_sessions(&folder, "one.db").await?, open_sessions(&folder, "two.db").await?];
    for id in &ids {
        let before = one.record(id).await?.context("the source lost one")?;
        let after = two.record(id).await?.context("one is missing")?;
        assert_eq!(before.digest(), after.digest());
        assert_eq!(before.turn_ids, after.turn_ids);
        let lost = before.expires_in.abs_diff(after.expires_in);
        assert!(
            lost < Duration::from_secs(600),
            "it lives {:?} instead of {:?}",
            after.expires_in,
            before.expires_in
        );
    }
    Ok(())
}

#[tokio::test]
async fn passages_go_to_chroma_and_back_unchanged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fill_vectors(&folder.path().join("one.db"), 60).await?;
    let chroma = Chroma::start().await?;

    let there =
        report(&migrate(&folder, &["vectors", "embedded:one.db", &chroma.url(), "--page", "25"]).await?)?;
    let back = report(&migrate(&folder, &["vectors", &chroma.url(), "embedded:two.db"]).await?)?;
    for report in [&there, &back] {
        assert_eq!(report["equal"], true, "{report}");
        assert_eq!((&report["copied"], &report["compared"]), (&120.into(), &120.into()), "{report}");
        assert_eq!(report["digest_from"], there["digest_to"], "{report}");
    }
    let two = open_vectors(&folder.path().join("two.db")).await?;
    let hits = two.query("left", vec![7.0, 1.0, 0.0], 1).await?;
    assert_eq!(hits[0].passage.id, "a/b#7");
    assert_eq!(hits[0].passage.text, "left 7");
    Ok(())
}

#[tokio::test]
async fn an_interrupted_move_of_sessions_goes_on_where_it_stopped() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fill_sessions(&folder.path().join("one.db"), 300).await?;
    let redis = Redis::start_with(&["--requirepass", "s3cret"]).await?;
    let url = redis.url().replacen("redis://", "redis://:s3cret@", 1);
    let arguments = ["sessions", "embedded:one.db", &url, "--page", "1"];
    let state = interrupt(&folder, &arguments).await?;
    assert!(!state.contains("s3cret"), "{state}");

    let output = migrate(&folder, &arguments).await?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("going on after"), "{complaint}");
    let report = report(&output)?;
    assert_eq!((&report["equal"], &report["copied"]), (&true.into(), &300.into()), "{report}");
    assert!(!report.to_string().contains("s3cret") && !complaint.contains("s3cret"));
    assert!(!folder.path().join(".corral/migrate-sessions.json").exists());
    Ok(())
}

#[tokio::test]
async fn an_interrupted_move_of_passages_goes_on_where_it_stopped() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fill_vectors(&folder.path().join("one.db"), 60).await?;
    let chroma = Chroma::start().await?;
    let arguments = ["vectors", "embedded:one.db", &chroma.url(), "--page", "1", "--collection", "moved"];
    interrupt(&folder, &arguments).await?;

    // The state is of this move: another one does not take it for its own.
    let other = migrate(&folder, &["vectors", "embedded:one.db", &chroma.url()]).await?;
    assert_eq!(other.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&other.stderr).contains("--state"));
    let report = report(&migrate(&folder, &arguments).await?)?;
    assert_eq!((&report["equal"], &report["copied"]), (&true.into(), &120.into()), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_place_cannot_be_moved_to_itself_and_a_missing_one_is_not_made() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let same = migrate(&folder, &["sessions", "embedded:one.db", "embedded:./one.db"]).await?;
    assert_eq!(same.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&same.stderr).contains("the same place"));
    let missing = migrate(&folder, &["vectors", "embedded:one.db", "embedded:two.db"]).await?;
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("one.db: there is no such file"));
    assert!(!folder.path().join("one.db").exists());
    Ok(())
}

#[tokio::test]
async fn a_collection_that_is_not_there_is_an_error_and_is_not_made() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fill_vectors(&folder.path().join("one.db"), 1).await?;
    let chroma = Chroma::start().await?;
    let there = migrate(&folder, &["vectors", "embedded:one.db", &chroma.url()]).await?;
    assert_eq!(report(&there)?["equal"], true);
    // The second one would find what the first one made.
    for _ in 0..2 {
        let arguments = ["vectors", &chroma.url(), "embedded:two.db", "--collection", "chat_docments"];
        let output = migrate(&folder, &arguments).await?;
        assert_eq!(output.status.code(), Some(1));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(complaint.contains("there is no collection \"chat_docments\""), "{complaint}");
        assert!(!folder.path().join("two.db").exists());
    }
    Ok(())
}

/// Kills a move after its first pages, and gives what it left to go on from.
async fn interrupt(folder: &TempDir, arguments: &[&str]) -> Result<String> {
    let mut process = command(folder, arguments)?.spawn()?;
    let state = folder.path().join(format!(".corral/migrate-{}.json", arguments[0]));
    let begun = async {
        while !state.exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), begun).await.context("waiting for the first page")?;
    process.kill().await?;
    let kept = std::fs::read_to_string(&state).context("it was done before it could be killed")?;
    let progress: Value = serde_json::from_str(&kept)?;
    ensure!(progress["copied"].as_u64() > Some(0), "{progress}");
    Ok(kept)
}

async fn migrate(folder: &TempDir, arguments: &[&str]) -> Result<Output> {
    Ok(command(folder, arguments)?.output().await?)
}

/// What, from where, to where, and further options.
fn command(folder: &TempDir, arguments: &[&str]) -> Result<Command> {
    let (places, options) = arguments.split_at(3);
    let mut command = Command::new(binary()?);
    command.args(["migrate", places[0], "--from", places[1], "--to", places[2], "--json"]).args(options);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    Ok(command)
}

fn report(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

async fn open_sessions(folder: &TempDir, file: &str) -> Result<Sessions> {
    Ok(Sessions::open(&corral_sessions::Config::default(), &folder.path().join(file)).await?)
}

async fn fill_sessions(file: &Path, count: usize) -> Result<Vec<String>> {
    let sessions = Sessions::open(&corral_sessions::Config::default(), file).await?;
    let mut ids = Vec::new();
    for number in 0..count {
        let id = sessions.create().await?;
        for turn in 0..number % 4 {
            let user = format!("Question {turn} of \"{number}\" – größer?\n");
            sessions
                .append(&id, Turn { user, ai: format!("Answer {turn}. 🦉") }, &format!("turn-{turn}"))
                .await?;
        }
        if number % 3 == 0 {
            sessions.set_metadata(&id, "title", &format!("Title {number}")).await?;
        }
        ids.push(id);
    }
    Ok(ids)
}

async fn open_vectors(file: &Path) -> Result<Vectors> {
    let model = Model { name: "compass".into(), dimensions: 3 };
    Ok(Vectors::open(&corral_vectors::Config::default(), file, model).await?)
}

/// As many passages in each of two sessions, with the same ids.
async fn fill_vectors(file: &Path, count: u8) -> Result<()> {
    let vectors = open_vectors(file).await?;
    for partition in ["left", "right"] {
        let item = |number: u8| Item {
            id: format!("a/b#{number}"),
            text: format!("{partition} {number}"),
            embedding: vec![f32::from(number), 1.0, 0.0],
            metadata: vec![Entry { key: "chunk".into(), value: number.to_string() }],
        };
        vectors.upsert(partition, (0..count).map(item).collect()).await?;
    }
    Ok(())
}
