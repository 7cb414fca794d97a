//! The models of a running host: asked for and changed through its admin listener.

use crate::cli::{Settings, http, say, say_json};
use crate::config::Config;
use anyhow::{Context, bail};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A model may be large and its disk slow.
const PATIENCE: Duration = Duration::from_mins(10);

/// What the host says of a model.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    name: String,
    state: String,
    progress: Option<f32>,
    cause: Option<String>,
    running: u32,
    queued: u32,
}

#[derive(Deserialize)]
struct States {
    models: Vec<State>,
}

#[derive(Deserialize)]
struct Refusal {
    detail: String,
}

/// Lists the models of the host that these settings are of.
pub(super) async fn list(settings: &Settings, json: bool) -> anyhow::Result<()> {
    tell(&ask(settings, Method::GET, "/models").await?, json)
}

/// Loads or unloads a model there, and waits until that is done.
pub(super) async fn change(settings: &Settings, name: &str, change: &str) -> anyhow::Result<()> {
    tell(&ask(settings, Method::POST, &format!("/models/{name}/{change}")).await?, false)
}

async fn ask(settings: &Settings, method: Method, path: &str) -> anyhow::Result<Vec<State>> {
    let config = Config::load(&settings.config)?;
    let file = &config.admin.token_file;
    let token = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let url = format!("http://{}", config.admin.listen);
    let client = http::client(&url).timeout(PATIENCE).build()?;
    let asked = client.request(method, format!("{url}{path}")).bearer_auth(token.trim()).send().await;
    let answer = asked.with_context(|| format!("asking the host at {url}; is it running?"))?;
    if answer.status().is_success() {
        let States { models } = answer.json().await.context("reading the host's answer")?;
        return Ok(models);
    }
    let status = answer.status();
    match answer.json::<Refusal>().await {
        Ok(Refusal { detail }) => bail!("{detail}"),
        Err(_) => bail!("the host answered {status}"),
    }
}

fn tell(states: &[State], json: bool) -> anyhow::Result<()> {
    if json {
        return say_json(&states);
    }
    for State { name, state, progress, cause, running, queued } in states {
        let progress = progress.map(|progress| format!(" {:.0}%", progress * 100.0)).unwrap_or_default();
        let cause = cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        say(&format!("{name}  {state}{progress}{cause}  {running} running, {queued} waiting"))?;
    }
    Ok(())
}
