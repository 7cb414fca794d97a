//! The REST interface as a client sees it: what `corral chat` needs of it, and its errors in words.

use anyhow::{Context, anyhow, bail};
use eventsource_stream::Eventsource;
use futures_util::{Stream, StreamExt};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header::RETRY_AFTER};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt, pin::Pin, time::Duration};

/// The host pings every 15 s, so longer silence than this means that it is gone.
const SILENCE: Duration = Duration::from_secs(300);

/// A running host.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
}

/// An answer under way. Dropping it stops it.
pub(super) struct Answer(Pin<Box<dyn Stream<Item = anyhow::Result<Event>> + Send>>);

/// What comes of an answer. As JSON, each under its name.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// Passages that it is given.
    Sources { sources: Vec<Source> },
    /// The next piece of text.
    Delta { text: String },
    /// What was left out to fit the model's context.
    Trimmed(Trimmed),
    /// The end, and whether the turn was stored.
    Done { finish_reason: Option<String>, usage: Option<Value>, persisted: bool },
    /// The end, and why there is no more.
    #[serde(rename = "error")]
    Failed { detail: String },
}

/// A passage.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) score: f64,
    #[serde(default)]
    pub(super) document_id: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// How much was left out.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Trimmed {
    #[serde(default)]
    turns: u32,
    #[serde(default)]
    sources: u32,
    #[serde(default)]
    retrieval_unavailable: bool,
}

/// A document of the session.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Document {
    id: String,
    chunks: u32,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// A passage of a document, and where in it, in characters.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Chunk {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A question with its answer.
#[derive(Debug, Deserialize)]
pub(super) struct Turn {
    pub(super) user: String,
    pub(super) ai: String,
}

impl Client {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let base = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base =
            base.ok_or_else(|| anyhow!("{url:?} is no address; expected one such as http://127.0.0.1:3000"))?;
        let client = crate::cli::http::client(url).read_timeout(SILENCE);
        // A proxy from the environment is not meant for this machine's own addresses.
        let local = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let client = if local { client.no_proxy() } else { client };
        Ok(Self { http: client.build().context("preparing TLS; are ca-certificates installed?")?, base })
    }

    pub(super) async fn create_session(&self) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Created {
            session_id: String,
        }
        let created: Created = self.read(self.request(Method::POST, &["session"], None)).await?;
        Ok(created.session_id)
    }

    /// What was said in a session; none if there is no such session.
    pub(super) async fn turns(&self, session: &str) -> anyhow::Result<Option<Vec<Turn>>> {
        #[derive(Deserialize)]
        struct Session {
            history: Vec<Turn>,
        }
        let response = self.ask_for(self.request(Method::GET, &["session", session], None)).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let session: Session = understood(accepted(response).await?).await?;
        Ok(Some(session.history))
    }

    pub(super) async fn documents(&self, session: &str) -> anyhow::Result<Vec<Document>> {
        let listed: Documents = self.read(self.request(Method::GET, &["documents"], Some(session))).await?;
        Ok(listed.documents)
    }

    /// The passages of a document, in their order; none if there is no such document.
    pub(super) async fn chunks(&self, session: &str, document: &str) -> anyhow::Result<Vec<Chunk>> {
        #[derive(Deserialize)]
        struct Document {
            chunks: Vec<Chunk>,
        }
        let request = self.request(Method::GET, &["documents", document], Some(session));
        let response = self.ask_for(request).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        let document: Document = understood(accepted(response).await?).await?;
        Ok(document.chunks)
    }

    /// Asks, and gives the answer as it is made. The turn takes the place of the newest one if `replaces` is its number.
    pub(super) async fn ask(
        &self,
        session: &str,
        message: &str,
        replaces: Option<usize>,
    ) -> anyhow::Result<Answer> {
        let body = json!({
            "session_id": session,
            "message": message,
            "replaces": replaces,
            "include": ["sources", "usage", "trimmed"],
        });
        let response = self.send(self.request(Method::POST, &["chat", "stream"], None).json(&body)).await?;
        let events = response.bytes_stream().eventsource();
        let events = events.map(|event| {
            let event = event.context("the connection broke in the middle of the answer")?;
            Event::read(&event.event, &event.data)
        });
        Ok(Answer(Box::pin(events.filter_map(|event| async { event.transpose() }))))
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

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        understood(self.send(request).await?).await
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        accepted(self.ask_for(request).await?).await
    }

    async fn ask_for(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        request.send().await.map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: reqwest::Error) -> anyhow::Error {
        let connecting = error.is_connect();
        let error = anyhow::Error::new(error.without_url());
        if connecting {
            error.context(format!("no host answers at {}; start one with `corral serve`", self.base))
        } else {
            error.context(format!("asking {}", self.base))
        }
    }
}

#[derive(Deserialize)]
struct Documents {
    documents: Vec<Document>,
}

impl Answer {
    /// The next event. An answer that ends without `Done` or `Failed` is an error.
    pub(super) async fn next(&mut self) -> anyhow::Result<Event> {
        match self.0.next().await {
            Some(event) => event,
            None => bail!("the connection ended in the middle of the answer"),
        }
    }
}

impl Event {
    /// None for events that this client does not know: newer hosts may send them.
    fn read(name: &str, data: &str) -> anyhow::Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Sources {
            sources: Vec<Source>,
        }
        #[derive(Deserialize)]
        struct Delta {
            text: String,
        }
        #[derive(Deserialize)]
        struct Done {
            finish_reason: Option<String>,
            usage: Option<Value>,
            #[serde(default = "stored")]
            persisted: bool,
        }
        #[derive(Deserialize)]
        struct Failed {
            detail: String,
        }
        fn read<T: DeserializeOwned>(name: &str, data: &str) -> anyhow::Result<T> {
            serde_json::from_str(data).with_context(|| format!("the host sent a malformed `{name}` event"))
        }
        Ok(Some(match name {
            "sources" => Self::Sources { sources: read::<Sources>(name, data)?.sources },
            "delta" => Self::Delta { text: read::<Delta>(name, data)?.text },
            "trimmed" => Self::Trimmed(read(name, data)?),
            "done" => {
                let Done { finish_reason, usage, persisted } = read(name, data)?;
                Self::Done { finish_reason, usage, persisted }
            }
            "error" => Self::Failed { detail: read::<Failed>(name, data)?.detail },
            _ => return Ok(None),
        }))
    }
}

/// A host says so when it could not store a turn, and nothing otherwise.
fn stored() -> bool {
    true
}

async fn accepted(response: Response) -> anyhow::Result<Response> {
    if response.status().is_success() { Ok(response) } else { Err(refused(response).await) }
}

async fn understood<T: DeserializeOwned>(response: Response) -> anyhow::Result<T> {
    response.json().await.context("the host's answer is not what this command understands")
}

/// What a refusal says: `{"detail": "…"}`, or a list with the place of each mistake.
async fn refused(response: Response) -> anyhow::Error {
    let status = response.status();
    let retry = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body: Value = response.json().await.unwrap_or_default();
    let detail = match &body["detail"] {
        Value::String(detail) => detail.clone(),
        Value::Array(mistakes) => {
            mistakes.iter().filter_map(|mistake| mistake["msg"].as_str()).collect::<Vec<_>>().join("; ")
        }
        _ => status.canonical_reason().unwrap_or("refused").into(),
    };
    match (status, retry) {
        (StatusCode::SERVICE_UNAVAILABLE, Some(seconds)) => anyhow!("{detail} (try again in {seconds} s)"),
        _ => anyhow!("{detail} ({})", status.as_u16()),
    }
}

impl fmt::Display for Trimmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { turns, sources, retrieval_unavailable } = self;
        let left_out = *turns > 0 || *sources > 0;
        if *retrieval_unavailable {
            write!(f, "documents could not be read{}", if left_out { "; " } else { "" })?;
        }
        if left_out || !retrieval_unavailable {
            write!(f, "left out to fit the model: {turns} earlier turns, {sources} passages")?;
        }
        Ok(())
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, chunks, .. } = self;
        write!(f, "{id} ({chunks} passages)")
    }
}
