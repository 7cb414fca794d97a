//! Requests to a server: with the key, to this address alone, and with answers of bounded size.
//!
//! Not here: what a refusal means (`refusal`), how events are read (`sse`).

use std::{fs, path::Path, time::Duration};

use reqwest::{
    Certificate, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;
use url::Url;

use super::{
    config::{Config, refused},
    failure::{Failure, SOON},
};
use crate::Error;

/// The largest answer that is read whole: the token ids of the longest prompt.
const ANSWER_BYTES: usize = 64 << 20;
/// The largest refusal that is read.
const REFUSAL_BYTES: usize = 64 << 10;
/// The time for an answer that takes no tokens.
const PATIENCE: Duration = Duration::from_secs(5);
/// llama-server and vLLM close what is idle for five seconds. A request that meets the end of its
/// connection fails, so ours go first.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

/// Clones share connections.
#[derive(Debug, Clone)]
pub(super) struct Client(reqwest::Client);

/// An answer that was read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    /// When to come back, if the server is full.
    pub retry_after: Duration,
    pub body: Vec<u8>,
}

/// How a server begins to answer.
#[derive(Debug)]
pub(super) enum Opening {
    /// It takes the request.
    Stream(Response),
    /// It does not.
    Refusal(Answer),
}

impl Client {
    /// Reads the files that the settings name.
    pub fn new(config: &Config, secure: bool) -> Result<Self, Error> {
        // reqwest takes the process's provider of cryptography, and panics if there is none. Only the
        // first installation counts; a further one changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        // No proxy and no redirection: key and prompts go to the addresses in the settings and nowhere
        // else.
        let client = reqwest::Client::builder()
            .user_agent(concat!("corral/", env!("CARGO_PKG_VERSION")))
            .default_headers(key(config.key_file.as_deref())?)
            .connect_timeout(config.connect_timeout)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .pool_max_idle_per_host(64)
            .pool_idle_timeout(IDLE_CONNECTION);
        let client = match &config.ca_file {
            Some(path) => client.tls_certs_only(authorities(path)?),
            None if secure => client,
            // Without TLS no certificates: a small container may have none, and building would fail.
            None => client.tls_certs_only([]),
        };
        let blamed = if config.ca_file.is_some() { "ca_file" } else { "urls" };
        let client =
            client.build().map_err(|error| refused(blamed, format!("preparing connections: {error}")))?;
        Ok(Self(client))
    }

    /// Asks for something small.
    pub async fn get(&self, url: Url) -> Result<Answer, Failure> {
        within(self.0.get(url)).await
    }

    /// Asks for something small.
    pub async fn post(&self, url: Url, body: &impl Serialize) -> Result<Answer, Failure> {
        within(self.0.post(url).json(body)).await
    }

    /// Asks for a stream. The caller bounds the time.
    pub async fn stream(&self, url: Url, body: &impl Serialize) -> Result<Opening, Failure> {
        let response = self.0.post(url).json(body).send().await.map_err(Failure::lost)?;
        match response.status().is_success() {
            true => Ok(Opening::Stream(response)),
            false => read(response).await.map(Opening::Refusal),
        }
    }
}

impl Answer {
    /// What a success says.
    pub fn read<T: DeserializeOwned>(&self, what: &str) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::malformed(what, self.body.len(), &error))
    }
}

async fn within(request: RequestBuilder) -> Result<Answer, Failure> {
    let exchange = async { read(request.send().await.map_err(Failure::lost)?).await };
    match timeout(PATIENCE, exchange).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(Failure::Late { what: "answer", within: PATIENCE }),
    }
}

async fn read(mut response: Response) -> Result<Answer, Failure> {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let most = if status.is_success() { ANSWER_BYTES } else { REFUSAL_BYTES };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::lost)? {
        if body.len() + chunk.len() > most {
            return Err(Failure::Failed(format!("the answer is longer than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, retry_after, body })
}

/// Only seconds are understood; a date asks for trust in the server's clock.
fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.map_or(SOON, |seconds| Duration::from_secs(seconds).clamp(SOON, LONGEST_RETRY))
}

fn key(file: Option<&Path>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    let Some(path) = file else { return Ok(headers) };
    let text = fs::read_to_string(path).map_err(|error| unreadable("key_file", path, &error))?;
    let key = text.trim();
    if key.is_empty() {
        return Err(refused("key_file", format!("{}: is empty", path.display())));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|error| refused("key_file", format!("{}: {error}", path.display())))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(headers)
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, Error> {
    let pem = fs::read(path).map_err(|error| unreadable("ca_file", path, &error))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(refused("ca_file", format!("{}: holds no certificate", path.display()))),
        Err(error) => Err(refused("ca_file", format!("{}: {error}", path.display()))),
    }
}

fn unreadable(key: &str, path: &Path, error: &std::io::Error) -> Error {
    refused(key, format!("reading {}: {error}", path.display()))
}
