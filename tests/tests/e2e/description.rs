//! The interface's description is true, and people can look at it without anything from elsewhere.

use anyhow::{Context, Result};
use e2e::{Host, Reply, Settings, root};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

const CHAT_MODEL: &str = "smollm2-135m-instruct-q4_1";
const EMBEDDING_MODEL: &str = "all-minilm-l6-v2";
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// Requests that are made up for each operation.
const EXAMPLES: &str = "3";

#[tokio::test]
async fn schemathesis_finds_no_answer_that_is_not_described() -> Result<()> {
    let settings = Settings::new()?
        .set("inference.n_ctx", 256)
        .set("inference.n_batch", 256)
        .set("inference.defaults.max_tokens", 4);
    let host = Host::with(settings).await?;
    let client = host.client()?;
    let (session, spare) = (client.session().await?, client.session().await?);
    client.documents(&session, json!([{ "id": "herons", "text": "Herons eat fish." }])).await?;
    let folder = tempfile::tempdir()?;
    let output = Command::new(corral_services::python()?)
        .args(["-m", "schemathesis.cli", "run", &format!("{}/openapi.json", host.url())])
        .args(["--checks", CHECKS, "--phases", "examples,fuzzing", "--max-examples", EXAMPLES])
        .args(["--seed", "1", "--request-timeout", "60", "--generation-database", "none", "--no-color"])
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", root().join("tests/fixtures/openapi"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs([("SESSION", session.as_str()), ("SPARE", spare.as_str()), ("DOCUMENT", "herons")])
        .envs([("CHAT_MODEL", CHAT_MODEL), ("EMBEDDING_MODEL", EMBEDDING_MODEL)])
        .current_dir(folder.path())
        .kill_on_drop(true)
        .output()
        .await?;
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    let described = Reply::of(client.get("/openapi.json")).await?.body;
    let paths = described["paths"].as_object().context("no paths")?;
    let operations: usize = paths.values().filter_map(Value::as_object).map(serde_json::Map::len).sum();
    assert!(told.contains(&format!("Tested: {operations}\n")), "not all {operations} operations: {told}");
    Ok(())
}

#[tokio::test]
async fn the_pages_that_show_it_come_whole_from_here() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    for (page, files) in [
        ("/docs", ["/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/docs.js"]),
        ("/redoc", ["/redoc/redoc.standalone.js", "/redoc/redoc.css", "/redoc/redoc.js"]),
    ] {
        let reply = client.get(page).send().await?;
        let header = |name: &str| reply.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("content-type"), Some("text/html; charset=utf-8"));
        let policy = header("content-security-policy").context("no policy")?;
        assert!(policy.contains("default-src 'none'; script-src 'self';"), "{policy}");
        let text = reply.text().await?;
        assert!(!text.contains("://"), "{text}");
        for file in files {
            assert!(text.contains(&format!("\"{}\"", &file[1..])), "{file}: {text}");
            let reply = Reply::of(client.get(file)).await?;
            assert_eq!(reply.status, StatusCode::OK, "{file}");
            let tag = reply.header("etag").context("no tag")?;
            let again = Reply::of(client.get(file).header("if-none-match", tag)).await?;
            assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{file}");
        }
    }
    let bundle = client.get("/docs/swagger-ui-bundle.js").send().await?;
    assert_eq!(bundle.headers().get("content-encoding").map(|value| value.as_bytes()), Some(&b"gzip"[..]));
    // The whole of it, through the host's buffer piece by piece.
    let whole = std::fs::read(root().join(".corral/viewers/swagger-ui-bundle.js.gz"))?;
    assert_eq!(bundle.bytes().await?, whole);
    let head = client.request(Method::HEAD, "/openapi.json").send().await?;
    assert_eq!((head.status(), head.bytes().await?.len()), (StatusCode::OK, 0));
    let wrong = Reply::of(client.request(Method::POST, "/docs")).await?;
    assert_eq!((wrong.status, wrong.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD")));
    Ok(())
}
