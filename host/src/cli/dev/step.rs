//! What happens while a project is followed, for people or as JSON.

use crate::cli::{complain, say, say_json_line};
use serde::Serialize;

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Step<'s> {
    Building { command: &'s [String] },
    Serves { app: &'s str, generation: u64, milliseconds: u128 },
    Failed { error: String },
    Waiting,
}

impl Step<'_> {
    pub(super) fn tell(&self, json: bool) -> anyhow::Result<()> {
        if json {
            return say_json_line(self);
        }
        match self {
            Self::Building { command } => say(&format!("building: {}", command.join(" ")))?,
            Self::Serves { app, generation, milliseconds } => {
                say(&format!("generation {generation} of {app} serves, {milliseconds} ms after the build"))?;
            }
            Self::Failed { error } => complain(error),
            Self::Waiting => say("waiting for changes")?,
        }
        Ok(())
    }
}
