//! Several models in one host: chosen by request, loaded and unloaded by operators, at work elsewhere.

use anyhow::{Context, Result};
use e2e::{Host, Reply, Settings, binary, said, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

const COMPLETIONS: &str = "/v1/chat/completions";
const DEFAULT: &str = "smollm2-135m-instruct-q4_1";

/// A further model, the same file under another name, that waits to be loaded.
fn with_spare() -> Result<Settings> {
    let settings = Settings::new()?;
    let file = settings.get("inference.model").cloned().context("no model")?;
    Ok(settings
        .set("inference.models.spare.model", file)
        .set("inference.models.spare.load", false)
        .set("inference.models.spare.n_ctx", 512)
        .set("inference.models.spare.parallel", 1)
        .set("inference.models.spare.threads", 1))
}

fn asked(model: &str) -> Value {
    let messages = json!([{ "role": "user", "content": "What is a heron?" }]);
    json!({ "model": model, "messages": messages, "temperature": 0, "max_tokens": 8 })
}

async fn operated(host: &Host, method: Method, path: &str) -> Result<Reply> {
    Reply::of(host.admin()?.request(method, path).bearer_auth(host.token()?)).await
}

async fn listed(host: &Host) -> Result<Vec<String>> {
    let models = Reply::of(host.client()?.get("/v1/models")).await?.body;
    let ids = models["data"].as_array().context("no list")?.iter().filter_map(|model| model["id"].as_str());
    Ok(ids.map(str::to_owned).collect())
}

#[tokio::test]
async fn operators_load_and_unload_models_while_others_answer() -> Result<()> {
    let host = Host::with(with_spare()?).await?;
    let client = host.client()?;
    let unknown = Reply::of(client.post(COMPLETIONS, &asked("spare"))).await?;
    assert_eq!(
        (unknown.status, &unknown.body["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!("model_not_found"))
    );
    let before = operated(&host, Method::GET, "/models").await?.body;
    let states: Vec<_> =
        before["models"].as_array().context("no list")?.iter().map(|m| &m["state"]).collect();
    assert_eq!(states, ["ready", "unloaded"]);

    let loaded = operated(&host, Method::POST, "/models/spare/load").await?;
    assert_eq!((loaded.status, &loaded.body["models"][0]["state"]), (StatusCode::OK, &json!("ready")));
    assert_eq!(listed(&host).await?[..2], [DEFAULT, "spare"]);
    let answer = Reply::of(client.post(COMPLETIONS, &asked("spare"))).await?;
    assert_eq!((answer.status, &answer.body["model"]), (StatusCode::OK, &json!("spare")));
    let mut turn = said(&client.session().await?, "What is a heron?");
    turn["model"] = json!("spare");
    let turn = Reply::of(client.post("/api/v1/chat/chat/text", &turn)).await?;
    assert_eq!(turn.status, StatusCode::OK, "{}", turn.body);

    let unloaded = operated(&host, Method::POST, "/models/spare/unload").await?;
    assert_eq!((unloaded.status, &unloaded.body["models"][0]["state"]), (StatusCode::OK, &json!("unloaded")));
    assert_eq!(Reply::of(client.post(COMPLETIONS, &asked("spare"))).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(Reply::of(client.post(COMPLETIONS, &asked(DEFAULT))).await?.status, StatusCode::OK);
    for (path, status) in [
        ("/models/other/load", StatusCode::NOT_FOUND),
        (&format!("/models/{DEFAULT}/unload"), StatusCode::CONFLICT),
    ] {
        assert_eq!(operated(&host, Method::POST, path).await?.status, status, "{path}");
    }
    let stranger = Reply::of(host.admin()?.request(Method::POST, "/models/spare/load")).await?;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn a_further_model_that_cannot_be_loaded_keeps_nobody_from_the_others() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("broken.gguf");
    std::fs::write(&file, "GGUF and nothing more")?;
    let settings = with_spare()?.set("inference.models.spare.model", file.display().to_string());
    let host = Host::with(settings).await?;
    let told = async || anyhow::Ok(host.readiness().await?.body["checks"]["models.spare"].clone());
    assert_eq!(told().await?, "not loaded");
    let loaded = operated(&host, Method::POST, "/models/spare/load").await?;
    assert_eq!(loaded.status, StatusCode::CONFLICT, "{}", loaded.body);
    until("it is told", async || Ok(told().await? == "down")).await?;
    assert_eq!(host.readiness().await?.status, StatusCode::OK);
    assert_eq!(Reply::of(host.client()?.post(COMPLETIONS, &asked(DEFAULT))).await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn the_command_line_loads_and_unloads_too() -> Result<()> {
    let host = Host::with(with_spare()?.set("admin.listen", "127.0.0.1:0")).await?;
    let admin = host.admin_address()?;
    let corral = async |arguments: &[&str]| {
        let mut command = Command::new(binary()?);
        command.arg("models").args(arguments).current_dir(host.folder()).env("CORRAL_ADMIN__LISTEN", &admin);
        let output = command.output().await?;
        let text = [output.stdout, output.stderr].concat();
        anyhow::Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    };
    let (fine, text) = corral(&["load", "spare"]).await?;
    assert!(fine && text.contains("spare  ready"), "{text}");
    let (fine, text) = corral(&["serving", "--json"]).await?;
    let states: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    assert!(fine && states[1]["state"] == "ready", "{text}");
    let (fine, text) = corral(&["unload", "spare"]).await?;
    assert!(fine && text.contains("unloaded"), "{text}");
    let (fine, text) = corral(&["load", "other"]).await?;
    assert!(!fine && text.contains("No model of that name"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_model_at_work_on_another_host_answers_like_one_here() -> Result<()> {
    let there = Host::start().await?;
    let settings = Settings::new()?
        .set("inference.backend", "openai")
        .set("inference.remote.urls", vec![format!("{}/v1", there.url())])
        .set("inference.remote.model", DEFAULT);
    let here = Host::with(settings).await?;
    let client = here.client()?;
    let session = client.session().await?;
    client
        .documents(&session, json!([{ "text": "The lighthouse of Westerhever was built in 1908." }]))
        .await?;
    let answer = client.say(&session, "When was the lighthouse built?").await?;
    assert!(!answer["response"].as_str().unwrap_or_default().is_empty(), "{answer}");
    assert_eq!(answer["sources"][0]["text"], "The lighthouse of Westerhever was built in 1908.");
    assert!(answer["usage"]["prompt_tokens"].as_u64() > Some(20), "{answer}");
    let again = client.say(&session, "And who lives there?").await?;
    assert!(again["usage"]["cached_tokens"].as_u64() > Some(0), "its prompt cache is there: {again}");

    // A client that leaves frees the slot there.
    let mut long = said(&session, "Tell me a long story about a heron.");
    long["max_tokens"] = json!(1200);
    let mut events = client.stream(&long).await?;
    while events.next().await?.context("the stream ended")?.name != "delta" {}
    there.until_metric("corral_inference_running", 1.0).await?;
    drop(events);
    there.until_metric("corral_inference_running", 0.0).await?;

    // Down and up again.
    assert_eq!(here.readiness().await?.status, StatusCode::OK);
    drop(there);
    here.until_ready(false).await?;
    let refused = Reply::of(client.post("/api/v1/chat/chat/text", &said(&session, "Hello?"))).await?;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body);
    // A model that cannot be reached is another thing than one that there is not.
    for (model, status, code) in [
        (DEFAULT, StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        ("gpt-4", StatusCode::NOT_FOUND, "model_not_found"),
    ] {
        let refused = Reply::of(client.post(COMPLETIONS, &asked(model))).await?;
        assert_eq!(
            (refused.status, &refused.body["error"]["code"]),
            (status, &json!(code)),
            "{}",
            refused.body
        );
    }
    Ok(())
}
