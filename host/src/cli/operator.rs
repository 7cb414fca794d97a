//! Asks a running host through its admin listener, as the operator whose settings and token are here.

use super::{Settings, http};
use crate::config::Config;
use anyhow::{Context, bail};
use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;

/// A model may be large and its disk slow; a component may take its time to compile.
const PATIENCE: Duration = Duration::from_mins(10);

/// The operators' side of a host.
pub(super) struct Operator {
    client: Client,
    url: String,
    token: String,
}

#[derive(Deserialize)]
struct Refusal {
    detail: String,
}

impl Operator {
    /// Of the host that these settings are of.
    pub(super) fn of(settings: &Settings) -> anyhow::Result<Self> {
        let config = Config::load(&settings.config)?;
        let file = &config.admin.token_file;
        let token = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let url = format!("http://{}", config.admin.listen);
        // The token is for this host alone: no proxy sees it, and no answer leads it elsewhere.
        let client = http::client(&url).no_proxy().redirect(Policy::none()).timeout(PATIENCE).build()?;
        Ok(Self { client, url, token: token.trim().to_owned() })
    }

    /// A request to be finished by the caller.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// What the host answers, or why it does not do it.
    pub(super) async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let url = &self.url;
        let answer =
            request.send().await.with_context(|| format!("asking the host at {url}; is it running?"))?;
        let status = answer.status();
        if status.is_success() {
            return answer.json().await.context("reading the host's answer");
        }
        match answer.json::<Refusal>().await {
            Ok(Refusal { detail }) => bail!("{detail}"),
            Err(_) => bail!("the host answered {status}"),
        }
    }
}
