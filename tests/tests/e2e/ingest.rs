//! `corral ingest`: files of a folder become what a session answers from.

use anyhow::{Context, Result};
use e2e::{Host, Reply, binary};
use serde_json::{Value, json};
use std::{
    fmt::Write,
    fs,
    path::Path,
    process::{Output, Stdio},
};
use tokio::process::Command;

const FACT: &str = "The lighthouse of Westerhever was built in 1908 and is forty metres high.";

#[tokio::test]
async fn a_folders_files_are_sources_of_an_answer() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let folder = tempfile::tempdir()?;
    fill(folder.path())?;

    let output = ingest(&host, folder.path(), &["--session", &session, "."]).await?;
    let report = report(&output)?;
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert_eq!(
        statuses(&report),
        [
            ("bad.pdf", "failed"),
            ("deep/heron.md", "stored"),
            ("fact.pdf", "stored"),
            ("long.txt", "stored"),
            ("page.html", "stored")
        ]
    );
    assert_eq!(report["skipped"], json!({ "hidden": 1 }));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bad.pdf: it is malformed"));

    let answer = client.say(&session, "When was the lighthouse of Westerhever built?").await?;
    let source = &answer["sources"][0];
    assert_eq!(source["document_id"], "fact.pdf", "{answer}");
    assert!(source["text"].as_str().context("no text")?.contains("built in 1908"), "{source}");
    let page = client.say(&session, "What do horses of Pellworm eat?").await?;
    assert_eq!(page["sources"][0]["document_id"], "page.html", "{page}");
    Ok(())
}

#[tokio::test]
async fn files_again_are_unchanged_and_a_shorter_one_leaves_nothing_of_its_former_content() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let folder = tempfile::tempdir()?;
    fill(folder.path())?;
    fs::remove_file(folder.path().join("bad.pdf"))?;
    let arguments = ["--session", &session, "."];

    let first = report(&ingest(&host, folder.path(), &arguments).await?)?;
    let stored = first["totals"]["stored"].as_u64().context("no count")?;
    assert_eq!(first["totals"]["failed"], 0, "{first}");
    assert_eq!(ids(&host, &session, "long.txt").await?, ["long.txt (0001)", "long.txt (0002)"]);
    let again = ingest(&host, folder.path(), &arguments).await?;
    assert!(again.status.success());
    let again = report(&again)?;
    assert_eq!(again["totals"]["unchanged"], stored, "{again}");
    assert_eq!(again["totals"]["stored"], 0);

    fs::write(folder.path().join("long.txt"), "Only this is left.")?;
    let planned = report(&ingest(&host, folder.path(), &["--dry-run", "--session", &session, "."]).await?)?;
    assert_eq!(planned["files"][2]["status"], "planned", "{planned}");
    assert_eq!(planned["files"][2]["removed"], 2);
    assert_eq!(ids(&host, &session, "long.txt").await?.len(), 2);
    let changed = report(&ingest(&host, folder.path(), &arguments).await?)?;
    assert_eq!(changed["totals"]["stored"], 1, "{changed}");
    assert_eq!(ids(&host, &session, "long.txt").await?, ["long.txt"]);
    Ok(())
}

#[tokio::test]
async fn what_an_interrupted_run_did_not_send_is_sent_by_the_next() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let folder = tempfile::tempdir()?;
    fill(folder.path())?;
    let arguments = ["--session", &session, "--id", "book", "long.txt"];
    report(&ingest(&host, folder.path(), &arguments).await?)?;
    let part = format!("/api/v1/chat/documents/book%20(0002)?session_id={session}");
    let before = Reply::of(client.get(&part)).await?.body;
    client.request(reqwest::Method::DELETE, &part).send().await?.error_for_status()?;

    let resumed = report(&ingest(&host, folder.path(), &arguments).await?)?;
    let passages = before["chunks"].as_array().context("no passages")?.len();
    assert_eq!(resumed["files"][0]["passages"], passages, "only the missing part: {resumed}");
    assert_eq!(Reply::of(client.get(&part)).await?.body, before);
    Ok(())
}

#[tokio::test]
async fn a_new_session_is_made_and_named() -> Result<()> {
    let host = Host::start().await?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("notes.log"), FACT)?;
    let made = report(&ingest(&host, folder.path(), &["--new-session", "notes.log"]).await?)?;
    let session = made["session"].as_str().context("no session")?;
    let answer = host.client()?.say(session, "How high is the lighthouse?").await?;
    assert_eq!(answer["sources"][0]["document_id"], "notes.log", "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_session_that_is_not_there_is_an_error() -> Result<()> {
    let host = Host::start().await?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("a.txt"), FACT)?;
    let session = uuid::Uuid::new_v4().to_string();
    let output = ingest(&host, folder.path(), &["--session", &session, "a.txt"]).await?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&session));
    Ok(())
}

/// One of each kind, one of two parts, one that is hidden and one that is broken.
fn fill(folder: &Path) -> Result<()> {
    fs::create_dir(folder.join("deep"))?;
    fs::write(folder.join("deep/heron.md"), "# Herons\n\nA grey heron stands by the river.\n")?;
    fs::write(folder.join("page.html"), "<h1>Pellworm</h1><p>The horses of <b>Pellworm</b> eat hay.</p>")?;
    fs::write(folder.join("fact.pdf"), pdf(FACT)?)?;
    fs::write(folder.join("bad.pdf"), "%PDF-1.4\nnothing that a reader could use")?;
    fs::write(folder.join(".hidden.txt"), "Not for anybody.")?;
    let paragraph = |number| format!("Paragraph {number} is about bread, which needs flour and water.\n\n");
    fs::write(folder.join("long.txt"), (0..1200).map(paragraph).collect::<String>())?;
    Ok(())
}

/// A page with one line.
fn pdf(line: &str) -> Result<String> {
    let drawing = format!("BT /F1 12 Tf 72 720 Td ({line}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{drawing}\nendstream", drawing.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (object, number) in objects.iter().zip(1..) {
        writeln!(table, "{:010} 00000 n ", file.len())?;
        write!(file, "{number} 0 obj\n{object}\nendobj\n")?;
    }
    let (place, size) = (file.len(), objects.len() + 1);
    write!(file, "{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{place}\n%%EOF\n")?;
    Ok(file)
}

async fn ingest(host: &Host, folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(binary()?);
    command.args(["ingest", "--json", "--url", host.url()]).args(arguments);
    command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    Ok(command.output().await?)
}

fn report(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The paths within the folder, with what became of them.
fn statuses<'r>(report: &'r Value) -> Vec<(&'r str, &'r str)> {
    let files = report["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row =
        |file: &'r Value| Some((file["path"].as_str()?.trim_start_matches("./"), file["status"].as_str()?));
    files.iter().filter_map(row).collect()
}

/// The ids of what a session has of a file.
async fn ids(host: &Host, session: &str, source: &str) -> Result<Vec<String>> {
    let listed =
        Reply::of(host.client()?.get(&format!("/api/v1/chat/documents?session_id={session}"))).await?.body;
    let documents = listed["documents"].as_array().context("no list")?;
    let of_file = documents.iter().filter(|document| {
        document["metadata"]["source"].as_str().is_some_and(|path| path.trim_start_matches("./") == source)
    });
    Ok(of_file.filter_map(|document| Some(document["id"].as_str()?.to_owned())).collect())
}
