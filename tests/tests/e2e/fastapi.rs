//! The interface is FastAPI's to a client: a real application of FastAPI's is asked, and a host is asked the same.
//!
//! Not here: what the gateway makes of what it takes (its unit tests compare that with the same record).

use anyhow::{Context, Result, ensure};
use e2e::{Client, Host, Reply, root};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tokio::process::Command;

const FOLDER: &str = "components/gateway/tests/fixtures/fastapi";

/// Requests with their answers, as they are kept.
fn recorded(path: &Path) -> Result<Vec<Value>> {
    let record: Value = serde_json::from_slice(&fs::read(path)?)?;
    Ok(record["answers"].as_array().context("no answers")?.clone())
}

/// What FastAPI answers today.
async fn asked_of_fastapi(folder: &Path) -> Result<Vec<Value>> {
    let path = folder.join("answers.json");
    let output = Command::new(corral_services::python()?)
        .arg(root().join(FOLDER).join("record.py"))
        .arg(&path)
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    recorded(&path)
}

/// Python's words for a flaw in JSON change with its version, and FastAPI hands them on.
fn is_in_pythons_words(answer: &Value) -> bool {
    answer["answer"]["detail"][0]["type"] == "json_invalid"
}

fn body(request: &Value) -> Result<Vec<u8>> {
    let Some(hex) = request["body_hex"].as_str() else {
        return Ok(request["body"].as_str().context("no body")?.into());
    };
    let digits: Vec<_> = hex.chars().collect();
    digits.chunks(2).map(|pair| Ok(u8::from_str_radix(&String::from_iter(pair), 16)?)).collect()
}

async fn asked_of(client: &Client, request: &Value) -> Result<Reply> {
    let text = |name: &str| request[name].as_str().with_context(|| format!("no {name}"));
    let method = Method::from_bytes(text("method")?.as_bytes())?;
    let mut sent = client.request(method, text("path")?).body(body(request)?);
    for (name, value) in request["headers"].as_object().context("no headers")? {
        sent = sent.header(name, value.as_str().context("no text")?);
    }
    Reply::of(sent).await
}

/// How an answer differs from FastAPI's.
fn difference(theirs: &Value, ours: &Reply) -> Option<&'static str> {
    let status = ours.status.as_u16();
    if theirs["status"] == 200 {
        // It is in order, and the application goes on to look for a session that there is not.
        let expected = (StatusCode::NOT_FOUND, json!({ "detail": "Session not found" }));
        return ((ours.status, ours.body.clone()) != expected).then_some("refused");
    }
    let allowed =
        |method: &str| ours.header("allow").is_some_and(|list| list.split(", ").any(|one| one == method));
    match theirs {
        _ if theirs["status"] != status => Some("status"),
        _ if theirs.get("answer").is_some_and(|answer| *answer != ours.body) => Some("body"),
        _ if theirs["answer_type"].as_str().is_some_and(|kind| ours.header("content-type") != Some(kind)) => {
            Some("content-type")
        }
        // FastAPI names the methods of one of a path's routes, the host those of all.
        _ if theirs["allow"].as_str().is_some_and(|method| !allowed(method)) => Some("allow"),
        _ => None,
    }
}

#[tokio::test]
async fn a_host_answers_what_a_real_fastapi_application_answers() -> Result<()> {
    let kept = recorded(&root().join(FOLDER).join("answers.json"))?;
    let folder = tempfile::tempdir()?;
    let (today, host) = tokio::try_join!(asked_of_fastapi(folder.path()), Host::start())?;
    ensure!(kept.len() == today.len() && kept.len() > 400, "{} and {} answers", kept.len(), today.len());
    for (kept, today) in kept.iter().zip(&today).filter(|(kept, _)| !is_in_pythons_words(kept)) {
        assert_eq!(kept, today, "FastAPI answers otherwise than it did: run record.py");
    }

    let client = host.client()?;
    let mut wrong = Vec::new();
    for theirs in &kept {
        let ours = asked_of(&client, theirs).await?;
        if let Some(what) = difference(theirs, &ours) {
            wrong.push(format!("{what}: {theirs}\n  ours: {} {:?} {}", ours.status, ours.headers, ours.body));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
