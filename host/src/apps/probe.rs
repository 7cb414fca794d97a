//! Tries a new generation before anyone meets it: a scripted turn without side effects.
//!
//! The turn runs against stores of its own, and models that say what is in the script: no session is touched, nothing
//! is stored, and whoever is being answered does not wait for it.

use super::Generation;
use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use corral_telemetry::{Calls, Record};
use corral_vectors::Model;
use corral_wasm::{
    guest::{self, Client, Context, Effects, Program},
    imports::Services,
};
use http::{Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::{Value, json};
use std::{
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// For the whole turn. Nothing in it waits for a model.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the models say.
const SCRIPT: &str = "Yes, and this is a rehearsal.";
const QUESTION: &str = "Is this a rehearsal?";
/// The longest answer that is read.
const LONGEST: usize = 1 << 20;
const STORE: &str = "rehearsal.db";

/// What a turn is tried with.
pub(super) struct Probe {
    services: Arc<Services>,
}

impl Probe {
    /// Stores of its own below `folder`, beside the models and the embedder of `services`.
    pub async fn open(services: &Services, folder: &Path) -> anyhow::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(STORE);
        for ending in ["", "-wal", "-shm"] {
            let mut name = path.clone().into_os_string();
            name.push(ending);
            match fs::remove_file(&name) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("removing {}", path.display()));
                }
                Ok(()) | Err(_) => {}
            }
        }
        let embedder = services.embedder.clone();
        let model = Model { name: embedder.name().to_owned(), dimensions: embedder.dimensions() };
        let services = Services {
            label: services.label.clone(),
            sessions: corral_sessions::Sessions::open(&Default::default(), &path).await?,
            vectors: corral_vectors::Vectors::open(&Default::default(), &path, model).await?,
            embedder,
            models: services.models.scripted(SCRIPT),
            web: services.web.clone(),
            calls: Calls::new(),
        };
        Ok(Self { services: Arc::new(services) })
    }

    /// Tries a turn, whole and as a stream.
    pub async fn pass(&self, generation: &Generation) -> anyhow::Result<()> {
        let program = generation.rehearsal(PATIENCE);
        let until = Instant::now() + PATIENCE;
        let turn = self.turn(&program, until);
        timeout_at(until, turn).await.with_context(|| format!("no answer within {PATIENCE:?}"))?
    }

    async fn turn(&self, program: &Arc<Program>, until: Instant) -> anyhow::Result<()> {
        let ask = async |path: &str, body: Value| {
            let answered = self.ask(program, path, &body, until).await;
            answered.with_context(|| format!("POST {path}"))
        };
        let session = json_of(&ask("/api/v1/chat/session", json!({})).await?)?;
        let session = session["session_id"].as_str().context("the answer has no session_id")?;
        let question = json!({ "session_id": session, "message": QUESTION });
        let answer = json_of(&ask("/api/v1/chat/chat/text", question.clone()).await?)?;
        let text = answer["response"].as_str().context("the answer has no response")?;
        ensure!(!text.trim().is_empty(), "the response is empty");
        let events = ask("/api/v1/chat/chat/stream", question).await?;
        let events = String::from_utf8(events).context("the stream is no text")?;
        ensure!(events.contains("event: done"), "the stream has no end: {events:?}");
        self.services.sessions.delete(session).await.context("forgetting the session")?;
        Ok(())
    }

    async fn ask(
        &self,
        program: &Arc<Program>,
        path: &str,
        body: &Value,
        until: Instant,
    ) -> anyhow::Result<Vec<u8>> {
        let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {}).boxed_unsync();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://probe.invalid{path}"))
            .header(CONTENT_TYPE, "application/json")
            .body(body)?;
        let context = Context {
            request_id: "probe".to_owned(),
            client: Client::default(),
            deadline: until,
            record: Arc::new(Record::default()),
            effects: Effects { inward: true, ..Effects::default() },
            inside: None,
            depth: 0,
        };
        let answered = guest::answer(program.clone(), self.services.clone(), request, context).await?;
        let status = answered.status();
        let body = Limited::new(answered.into_body(), LONGEST).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed).context("reading the answer")?.to_bytes();
        if status != StatusCode::OK {
            bail!("the answer is {status}: {}", String::from_utf8_lossy(&body[..body.len().min(200)]));
        }
        Ok(body.to_vec())
    }
}

fn json_of(body: &[u8]) -> anyhow::Result<Value> {
    serde_json::from_slice(body).context("the answer is no JSON")
}
