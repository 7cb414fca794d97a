//! The models of a running host: asked for and changed through its admin listener.

use crate::cli::{Settings, operator::Operator, say, say_json};
use reqwest::Method;
use serde::{Deserialize, Serialize};

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

/// Lists the models of the host that these settings are of.
pub(super) async fn list(settings: &Settings, json: bool) -> anyhow::Result<()> {
    tell(&ask(settings, Method::GET, "/models").await?, json)
}

/// Loads or unloads a model there, and waits until that is done.
pub(super) async fn change(settings: &Settings, name: &str, change: &str) -> anyhow::Result<()> {
    tell(&ask(settings, Method::POST, &format!("/models/{name}/{change}")).await?, false)
}

async fn ask(settings: &Settings, method: Method, path: &str) -> anyhow::Result<Vec<State>> {
    let operator = Operator::of(settings)?;
    let States { models } = operator.send(operator.request(method, path)).await?;
    Ok(models)
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
