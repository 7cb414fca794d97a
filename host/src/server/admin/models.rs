//! The operators' hand on the models: which there are, loading one, taking one out of service.

use crate::respond::Failure;
use corral_inference::{Error, Listed, Models, Status};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What an operator asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Action<'a> {
    List,
    Load(&'a str),
    Unload(&'a str),
}

/// A model as operators see it.
#[derive(Debug, Serialize)]
pub struct State {
    name: String,
    /// `ready`, `loading`, `down`, `failed` or `unloaded`.
    state: &'static str,
    /// From 0 to 1 while it loads.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<f32>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    running: u32,
    queued: u32,
}

impl<'a> Action<'a> {
    /// The action of a path below `/models` and a method.
    pub(super) fn of(path: &'a str, method: &http::Method) -> Option<Result<Self, Failure>> {
        let rest = path.strip_prefix("/models")?;
        let get = matches!(*method, http::Method::GET | http::Method::HEAD);
        match rest.strip_prefix('/').map(|rest| rest.rsplit_once('/')) {
            None if rest.is_empty() && get => Some(Ok(Self::List)),
            None if rest.is_empty() => Some(Err(Failure::MethodNotAllowed("GET, HEAD"))),
            Some(Some((_, "load" | "unload"))) if method != http::Method::POST => {
                Some(Err(Failure::MethodNotAllowed("POST")))
            }
            Some(Some((name, "load"))) => Some(Ok(Self::Load(name))),
            Some(Some((name, "unload"))) => Some(Ok(Self::Unload(name))),
            _ => None,
        }
    }

    /// Does it, and says how the models are then. Answers under way have `patience` where a model goes.
    pub(super) async fn run(self, models: &Models, patience: Duration) -> Result<Vec<State>, Failure> {
        let (done, name) = match self {
            Self::List => return Ok(states(models)),
            Self::Load(name) => (models.load(name).await, name),
            Self::Unload(name) => (models.unload(name, Instant::now() + patience).await, name),
        };
        match done {
            Ok(()) => Ok(states(models).into_iter().filter(|state| state.name == name).collect()),
            Err(Error::NoSuchModel) => Err(Failure::NoSuchModel),
            Err(error) => {
                tracing::warn!(model = name, %error, "the model was not changed");
                Err(Failure::ModelNotChanged(error.to_string()))
            }
        }
    }
}

fn states(models: &Models) -> Vec<State> {
    models.list().into_iter().map(State::from).collect()
}

impl From<Listed> for State {
    fn from(listed: Listed) -> Self {
        let (state, progress, cause) = match listed.status {
            Some(Status::Ready) => ("ready", None, None),
            Some(Status::Loading { fraction }) => ("loading", Some(fraction), None),
            Some(Status::Down(cause)) => ("down", None, Some(cause)),
            Some(Status::Failed(cause)) => ("failed", None, Some(cause)),
            None => ("unloaded", None, None),
        };
        let (running, queued) = (listed.load.running, listed.load.queued);
        Self { name: listed.name, state, progress, cause, running, queued }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    #[test]
    fn paths_and_methods_make_actions() {
        let of = |path: &'static str, method| Action::of(path, &method).map(Result::ok);
        assert_eq!(of("/models", Method::GET), Some(Some(Action::List)));
        assert_eq!(of("/models", Method::POST), Some(None));
        assert_eq!(of("/models/a.b/load", Method::POST), Some(Some(Action::Load("a.b"))));
        assert_eq!(of("/models/a/b/unload", Method::POST), Some(Some(Action::Unload("a/b"))));
        assert_eq!(of("/models/a/load", Method::GET), Some(None));
        for unknown in ["/models/a", "/models/a/fly", "/modelsload", "/metrics"] {
            assert!(of(unknown, Method::POST).is_none(), "{unknown}");
        }
    }
}
