//! The documents of a session over the REST interface, with patience for a host that is busy or away.

use anyhow::{Context, anyhow};
use backon::{ExponentialBuilder, Retryable};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header::RETRY_AFTER};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Longer than the host lets a request run.
const REQUEST: Duration = Duration::from_secs(330);
/// The longest wait that a host may ask for.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How long a host that does not take requests is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) first: Duration,
    pub(super) longest: Duration,
    pub(super) times: usize,
}

impl Default for Patience {
    /// A minute in all, if the host does not ask for more: what a restart takes.
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(15), times: 8 }
    }
}

/// A running host.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    patience: Patience,
}

/// A document that the session has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Document {
    pub(super) id: String,
    pub(super) metadata: BTreeMap<String, String>,
}

/// Why a request failed, by whom it concerns.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Others than this document may do.
    #[error("the host refused it: {0}")]
    Refused(String),
    /// No other request would do better, not even after some time.
    #[error("{0}")]
    Host(String),
    /// Worth another try.
    #[error("{detail}")]
    Passing {
        detail: String,
        /// When the host asks to be asked again.
        retry_after: Option<Duration>,
    },
}

impl Client {
    pub(super) fn new(url: &str, patience: Patience) -> anyhow::Result<Self> {
        let base = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base =
            base.ok_or_else(|| anyhow!("{url:?} is no address; expected one such as http://127.0.0.1:3000"))?;
        let client = crate::cli::http::client(url).timeout(REQUEST);
        // A proxy from the environment is not meant for this machine's own addresses.
        let local = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let client = if local { client.no_proxy() } else { client };
        Ok(Self {
            http: client.build().context("preparing TLS; are ca-certificates installed?")?,
            base,
            patience,
        })
    }

    /// Makes a session. A host that is not there is told of at once.
    pub(super) async fn create_session(&self) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Created {
            session_id: String,
        }
        let response = self.once(self.request(Method::POST, &["session"], None)).await?;
        Ok(read::<Created>(response).await?.session_id)
    }

    /// The session's documents. A host that is not there is told of at once.
    pub(super) async fn documents(&self, session: &str) -> Result<Vec<Document>, Error> {
        #[derive(Deserialize)]
        struct Documents {
            documents: Vec<Document>,
        }
        let response = self.once(self.request(Method::GET, &["documents"], Some(session))).await?;
        Ok(read::<Documents>(response).await?.documents)
    }

    /// Stores a document in the place of one of the same id, and gives how many passages it became.
    pub(super) async fn store(&self, session: &str, document: &Value) -> Result<u64, Error> {
        #[derive(Deserialize)]
        struct Stored {
            documents: Vec<Passages>,
        }
        #[derive(Deserialize)]
        struct Passages {
            chunks: u64,
        }
        let body = json!({ "session_id": session, "documents": [document] });
        let send = || async {
            let response = self.once(self.request(Method::POST, &["documents"], None).json(&body)).await?;
            read::<Stored>(response).await
        };
        let stored = self.patiently(send).await?;
        Ok(stored.documents.iter().map(|document| document.chunks).sum())
    }

    /// Deletes a document. One that is not there is as good as deleted.
    pub(super) async fn delete(&self, session: &str, id: &str) -> Result<(), Error> {
        let send = || async {
            let request = self.request(Method::DELETE, &["documents", id], Some(session));
            let response = request.send().await.map_err(|error| self.unreachable(error))?;
            match response.status() {
                StatusCode::NOT_FOUND => Ok(()),
                status if status.is_success() => Ok(()),
                _ => Err(refused(response).await),
            }
        };
        self.patiently(send).await
    }

    /// Again and again while it is worth it.
    async fn patiently<T, F: Future<Output = Result<T, Error>>>(
        &self,
        send: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let Patience { first, longest, times } = self.patience;
        let pauses = ExponentialBuilder::default()
            .with_min_delay(first)
            .with_max_delay(longest)
            .with_max_times(times)
            .with_jitter();
        send.retry(pauses)
            .when(|error| matches!(error, Error::Passing { .. }))
            .adjust(|error, pause| match (error, pause) {
                // No pause: the last try was made.
                (Error::Passing { retry_after: Some(asked), .. }, Some(pause)) => {
                    Some(pause.max((*asked).min(MOST_RETRY_AFTER)))
                }
                (_, pause) => pause,
            })
            .await
    }

    fn request(&self, method: Method, path: &[&str], session: Option<&str>) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1", "chat"]).extend(path);
        }
        if let Some(session) = session {
            url.query_pairs_mut().append_pair("session_id", session);
        }
        self.http.request(method, url)
    }

    async fn once(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        if response.status().is_success() { Ok(response) } else { Err(refused(response).await) }
    }

    fn unreachable(&self, error: reqwest::Error) -> Error {
        let mut shown = self.base.clone();
        // These fail only for addresses that can have neither.
        let _ = (shown.set_username(""), shown.set_password(None));
        let detail = if error.is_connect() {
            format!("no host answers at {shown}; start one with `corral serve`")
        } else {
            format!("asking {shown}: {:#}", anyhow::Error::new(error.without_url()))
        };
        Error::Passing { detail, retry_after: None }
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Error> {
    let body = response.bytes().await.map_err(|error| Error::Passing {
        detail: format!("the connection broke in an answer: {:#}", anyhow::Error::new(error.without_url())),
        retry_after: None,
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        Error::Host(format!("the host's answer is not what this command understands: {error}"))
    })
}

/// What a refusal says: `{"detail": "…"}`, or a list with the place of each mistake.
async fn refused(response: Response) -> Error {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body: Value = response.json().await.unwrap_or_default();
    let detail = match &body["detail"] {
        Value::String(detail) => detail.clone(),
        Value::Array(mistakes) => {
            mistakes.iter().filter_map(|mistake| mistake["msg"].as_str()).collect::<Vec<_>>().join("; ")
        }
        _ => status.canonical_reason().unwrap_or("refused").into(),
    };
    let detail = format!("{detail} ({})", status.as_u16());
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            Error::Passing { detail, retry_after: after.map(Duration::from_secs) }
        }
        StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Host(detail),
        _ => Error::Refused(detail),
    }
}
