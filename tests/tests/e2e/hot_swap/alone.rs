//! An application without chat logic: any component that answers HTTP.

use super::{operate, serving};
use anyhow::{Context, Result};
use e2e::{Host, Reply, Settings, parrot, root};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::fs;
use toml::Table;

/// The one that knows nothing of Corral, beside the chat.
async fn host() -> Result<Host> {
    let plain = root().join("target/wasm32-wasip2/component/plain.wasm");
    anyhow::ensure!(plain.exists(), "{} is missing: run `make guests`", plain.display());
    let mut app = Table::new();
    app.insert("gateway".into(), plain.display().to_string().into());
    app.insert("route".into(), "/plain".into());
    Host::with(Settings::new()?.set("apps.plain", app)).await
}

fn state<'a>(body: &'a Value, name: &str) -> Result<&'a Value> {
    let apps = body["apps"].as_array().context("no apps")?;
    apps.iter().find(|app| app["name"] == name).context("no such app")
}

#[tokio::test]
async fn a_component_that_answers_http_needs_no_logic() -> Result<()> {
    let host = host().await?;
    let text = async || anyhow::Ok(host.client()?.get("/plain/hello?x=1").send().await?.text().await?);
    assert_eq!(text().await?, "/hello?x=1 as ever\n");

    let listed = operate(&host, Method::GET, "/apps", Vec::new()).await?.body;
    let generation = &state(&listed, "plain")?["generations"][0];
    assert!(generation["gateway"].is_string() && generation["logic"].is_null(), "{generation}");
    let logic = operate(&host, Method::POST, "/apps/plain/deploy", parrot(1)?).await?;
    assert_eq!(logic.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        logic.body["detail"].as_str().is_some_and(|detail| detail.contains("has no logic")),
        "{}",
        logic.body
    );

    let gateway = fs::read(root().join("target/wasm32-wasip2/component/plain.wasm"))?;
    let path = "/apps/plain/deploy?component=gateway";
    let deployed = operate(&host, Method::POST, path, gateway).await?;
    assert_eq!(serving(state(&deployed.body, "plain")?)?, 2, "{}", deployed.body);
    assert_eq!(text().await?, "/hello?x=1 as ever\n");
    let needs_logic = fs::read(root().join("target/wasm32-wasip2/component/corral_gateway.wasm"))?;
    let refused = operate(&host, Method::POST, path, needs_logic).await?;
    assert!(
        refused.body["detail"].as_str().is_some_and(|detail| detail.contains("is not granted")),
        "{}",
        refused.body
    );
    assert_eq!(Reply::of(host.client()?.get("/plain")).await?.status, StatusCode::OK);
    Ok(())
}
