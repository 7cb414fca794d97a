//! The environment, read in this one place: `CORRAL_A__B`, `SESSION_EXPIRATION`, and the model hub's.
#![expect(clippy::disallowed_methods, reason = "config reads the environment for everyone")]

use std::{env, fmt, path::PathBuf};

/// How the model hub is reached.
#[derive(Clone)]
pub struct Hub {
    /// Its address: `HF_ENDPOINT`, or the public hub.
    pub endpoint: String,
    /// Who asks: `HF_TOKEN`, for models behind a licence.
    pub token: Option<String>,
}

/// How the environment says the model hub is reached.
#[must_use]
pub fn hub() -> Hub {
    let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into());
    Hub { endpoint: endpoint.trim_end_matches('/').into(), token: set("HF_TOKEN") }
}

/// The file in which `corral chat` remembers what was typed, as XDG says; none without a home.
#[must_use]
pub fn history_file() -> Option<PathBuf> {
    let state = set("XDG_STATE_HOME").map(PathBuf::from);
    let folder = state.or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/state")))?;
    Some(folder.join("corral/chat-history"))
}

/// This process's environment, for variables of a Spin application, which may be called anything.
#[must_use]
pub fn everything() -> corral_wasm::spin::Environment {
    variables().collect()
}

/// The file in which `corral chat` keeps which sessions there were, beside its history.
#[must_use]
pub fn sessions_file() -> Option<PathBuf> {
    Some(history_file()?.with_file_name("chat-sessions.json"))
}

/// Whether a terminal may be given colours, as https://no-color.org has it.
#[must_use]
pub fn colors() -> bool {
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Every variable that is text. The others cannot be settings.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

// A token must not reach a log by way of `{:?}`.
impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("Hub").field("endpoint", &self.endpoint).field("token", &token).finish()
    }
}
