//! The models of a running host: asked for and changed through its admin listener.

use crate::cli::{Settings, operator::Operator, say, say_json, spinner::Spinner};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Between two looks at how far a model is.
const PAUSE: Duration = Duration::from_millis(500);

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
    tell(&ask(&Operator::of(settings)?, Method::GET, "/models").await?, json)
}

/// Loads or unloads a model there, and waits until that is done.
pub(super) async fn change(settings: &Settings, name: &str, change: &str, json: bool) -> anyhow::Result<()> {
    let operator = Operator::of(settings)?;
    let states = {
        let spinner = Spinner::new(format!("{change}ing {name}"));
        let path = format!("/models/{name}/{change}");
        tokio::select! {
            changed = ask(&operator, Method::POST, &path) => changed?,
            never = follow(&operator, name, &spinner) => match never {},
        }
    };
    tell(&states, json)
}

/// Shows how the model is while it changes. That it cannot be asked is no matter: the change is what is waited for.
async fn follow(operator: &Operator, name: &str, spinner: &Spinner) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(PAUSE).await;
        let states = ask(operator, Method::GET, "/models").await.unwrap_or_default();
        for State { state, progress, running, .. } in states.iter().filter(|state| state.name == name) {
            let progress = progress.map(|progress| format!(" {:.0}%", progress * 100.0)).unwrap_or_default();
            spinner.now(format!("{name}: {state}{progress}, {running} running"));
        }
    }
}

async fn ask(operator: &Operator, method: Method, path: &str) -> anyhow::Result<Vec<State>> {
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
