//! Requests to a ChromaDB server: how they are sent, tried again and bounded.
//!
//! The answer is not trusted: it has a largest size and is read into types, and what does not fit is
//! described without being repeated. All requests may be sent twice: none adds to what is there.
//!
//! Not here: what the requests are (`collection.rs`, `records.rs`), how long a whole call may take
//! (`chroma.rs`).

use super::settings::Settings;
use crate::{Error, Model};
use backon::{ExponentialBuilder, Retryable};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{error, fmt::Write, time::Duration};
use tokio::sync::Semaphore;

/// The largest answer that is read.
const ANSWER_BYTES: usize = 64 << 20;
/// The largest refusal that is read: it says which, and is not repeated at length.
const REFUSAL_BYTES: usize = 64 << 10;
/// Requests on their way at once; more wait for their turn.
const REQUESTS: usize = 64;
const RETRIES: usize = 3;

pub struct Client {
    http: reqwest::Client,
    base: url::Url,
    turns: Semaphore,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such collection, or no such server behind the address.
    #[error("ChromaDB answered 404: check vectors.url, vectors.chroma.tenant and vectors.chroma.database")]
    Missing,
    /// Worth trying again at once.
    #[error("{0}")]
    Transient(String),
    /// The server will say the same again. The message may quote what was sent.
    #[error("ChromaDB answered {status} {code}")]
    Refused { status: u16, code: String, message: String },
    /// Asking for less may help.
    #[error("ChromaDB's answer is larger than {ANSWER_BYTES} bytes")]
    TooLarge,
    /// No answer in time, or one that means nothing.
    #[error("{0}")]
    Broken(String),
    /// The collection is there, and another model's.
    #[error("{}", other_model(stored, given))]
    OtherModel { stored: Model, given: Model },
    /// There is no collection of that name, and none is to be made.
    #[error("ChromaDB has no collection {0:?}")]
    NoCollection(String),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.to_string())
    }
}

impl Client {
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let http = settings.client()?;
        Ok(Self { http, base: settings.base.clone(), turns: Semaphore::new(REQUESTS) })
    }

    /// The path is below `/api/v2`, in segments that need not be encoded.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        read(&self.send(self.http.request(Method::GET, self.url(path)?)).await?)
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        read(&self.send(self.http.request(Method::POST, self.url(path)?).json(body)).await?)
    }

    /// The answer says nothing.
    pub async fn put(&self, path: &[&str], body: &impl Serialize) -> Result<(), Failure> {
        self.send(self.http.request(Method::PUT, self.url(path)?).json(body)).await.map(drop)
    }

    fn url(&self, path: &[&str]) -> Result<url::Url, Failure> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => drop(segments.pop_if_empty().extend(["api", "v2"]).extend(path)),
            Err(()) => return Err(Failure::Broken("the address has no path".to_owned())),
        }
        Ok(url)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, Failure> {
        let attempt = || async {
            let request = request.try_clone().ok_or_else(|| Failure::Broken("no second copy".to_owned()))?;
            let _turn = self.turns.acquire().await.map_err(|closed| Failure::Broken(closed.to_string()))?;
            let response = request.send().await.map_err(unanswered)?;
            match response.status() {
                status if status.is_success() => body(response, ANSWER_BYTES).await,
                status => Err(refusal(status, &body(response, REFUSAL_BYTES).await.unwrap_or_default())),
            }
        };
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_factor(3.0)
            .with_max_times(RETRIES)
            .with_jitter();
        // Boxed, for it is in every call's future.
        Box::pin(attempt.retry(pauses).when(|failure| matches!(failure, Failure::Transient(_)))).await
    }
}

async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        if body.len() + chunk.len() > most {
            return Err(Failure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    // serde's message would quote what it found.
    serde_json::from_slice(body).map_err(|error| {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        Failure::Broken(format!(
            "ChromaDB's answer of {} bytes is not the JSON that was expected \
             ({kind:?} error in line {line}, column {column})",
            body.len()
        ))
    })
}

fn unanswered(error: reqwest::Error) -> Failure {
    let again = error.is_connect() || !error.is_timeout();
    let text = causes(&error.without_url());
    if again { Failure::Transient(text) } else { Failure::Broken(text) }
}

fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        error: String,
        message: String,
    }
    if status == StatusCode::NOT_FOUND {
        return Failure::Missing;
    }
    let Refusal { error, message } = serde_json::from_slice(body).unwrap_or_default();
    let code: String = error.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT => {}
        status if status.is_server_error() => {}
        _ => {
            let message = message.chars().filter(|char| !char.is_control()).take(300).collect();
            return Failure::Refused { status: status.as_u16(), code, message };
        }
    }
    Failure::Transient(format!("ChromaDB answered {} {code}", status.as_u16()))
}

fn causes(error: &dyn error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn other_model(stored: &Model, given: &Model) -> String {
    Error::OtherModel { stored: stored.clone(), given: given.clone() }.to_string()
}
