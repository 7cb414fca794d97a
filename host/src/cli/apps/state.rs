//! What a host says of its applications, and how that is told to people.

use super::super::say;
use serde::{Deserialize, Serialize};

/// The state of the generation that new requests begin with.
const SERVING: &str = "serving";

/// What the host says of an application.
#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    pub name: String,
    route: String,
    generations: Vec<Generation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Generation {
    number: u64,
    state: String,
    requests: usize,
    gateway: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    logic: Option<String>,
    digest: String,
    made: String,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<Trial>,
}

/// How a canary does.
#[derive(Debug, Serialize, Deserialize)]
struct Trial {
    weight: f64,
    header: Option<String>,
    answered: usize,
    failed: usize,
    serving_answered: usize,
    serving_failed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<Shadow>,
}

/// What it has answered unheard.
#[derive(Debug, Serialize, Deserialize)]
struct Shadow {
    same: u64,
    other: u64,
    failed: u64,
    skipped: u64,
}

/// Applications, as the host lists them.
#[derive(Deserialize)]
pub struct States {
    pub apps: Vec<State>,
}

impl State {
    /// The number of the generation that serves.
    pub fn serving(&self) -> Option<u64> {
        self.generations.iter().find(|generation| generation.state == SERVING).map(|serving| serving.number)
    }

    /// For people.
    pub fn tell(&self) -> anyhow::Result<()> {
        say(&format!("{} at {}", self.name, self.route))?;
        for Generation { number, state, requests, gateway, logic, made, by, canary, .. } in &self.generations
        {
            let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
            let gateway = short(gateway);
            let logic = logic.as_deref().map_or_else(|| "none".to_owned(), short);
            say(&format!(
                "  {number:>4}  {state:<8}  {requests} requests  gateway {gateway}  logic {logic}  {made}  by {by}"
            ))?;
            canary.iter().try_for_each(Trial::tell)?;
        }
        self.note.iter().try_for_each(|note| say(&format!("  {note}")))?;
        Ok(())
    }
}

impl Trial {
    fn tell(&self) -> anyhow::Result<()> {
        let Trial { weight, header, answered, failed, serving_answered, serving_failed, shadow } = self;
        let header =
            header.as_ref().map(|header| format!(", and requests by their {header}")).unwrap_or_default();
        say(&format!("        {weight} % of the sessions{header}"))?;
        say(&format!(
            "        {failed} of {answered} requests failed; {serving_failed} of {serving_answered} with what serves"
        ))?;
        if let Some(Shadow { same, other, failed, skipped }) = shadow {
            say(&format!(
                "        unheard: {same} answers the same, {other} others, {failed} failed, {skipped} turns skipped"
            ))?;
        }
        Ok(())
    }
}
