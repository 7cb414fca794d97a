//! One of the two that are asked: a host, or llama-server. Whoever measures need not know which.
//!
//! Not here: conversations that each keeps in its own way (`grounded/`).

use super::{
    answer::{Answer, Question, Stream},
    plan::Plan,
    writer::Writer,
};
use anyhow::{Context, Result};
use corral_services::LlamaServer;
use e2e::{Client, Gguf, Host, Settings, process};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Far below any logit: llama.cpp's own way to never choose a token.
const NEVER: i32 = -100;

/// A running server.
pub struct Server {
    pub name: &'static str,
    pub client: Client,
    program: Program,
    model: String,
    /// Has no answer end before its tokens are spent.
    biases: Value,
}

/// What runs.
pub enum Program {
    Corral(Host),
    Llama(LlamaServer),
}

/// Starts what is compared: one or two, the first compared with the second.
pub async fn start(plan: &Plan) -> Result<Vec<Server>> {
    let mut servers = Vec::new();
    if !plan.control {
        servers.push(Server::corral(plan).await?);
    }
    let names = if plan.control { vec!["llama-server", "llama-server (2)"] } else { vec!["llama-server"] };
    for name in names {
        servers.extend(Server::llama(plan, name).await?);
    }
    for server in &servers {
        // Neither has read the weights before its first answer.
        server.ask(&Question::new("warm-up", &Writer::new(0).sentences(3), 8)).await?;
    }
    Ok(servers)
}

impl Server {
    async fn corral(plan: &Plan) -> Result<Self> {
        let settings = Settings::new()?
            .set("inference.model", plan.model.display().to_string())
            .set("inference.threads", plan.threads)
            .set("inference.n_ctx", plan.n_ctx)
            .set("inference.n_batch", plan.n_batch)
            .set("inference.n_ubatch", plan.n_ubatch)
            .set("inference.parallel", plan.parallel)
            // However far away a passage is, it is part of the prompt on both sides.
            .set("apps.chat.config.retrieval_max_distance", 2.0)
            .set("log.filter", "warn");
        let host = Host::with(settings).await?;
        Self::new("Corral", host.client()?, Program::Corral(host), plan)
    }

    async fn llama(plan: &Plan, name: &'static str) -> Result<Option<Self>> {
        let Some(program) = &plan.llama_server else { return Ok(None) };
        let server = LlamaServer::start(program, &plan.arguments()).await?;
        Self::new(name, Client::new(&server.url())?, Program::Llama(server), plan).map(Some)
    }

    fn new(name: &'static str, client: Client, program: Program, plan: &Plan) -> Result<Self> {
        let control = Gguf::read(&plan.model)?.control_tokens;
        let biases: Map<_, _> = control.iter().map(|token| (token.to_string(), Value::from(NEVER))).collect();
        let model = plan.model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, client, program, model, biases: Value::Object(biases) })
    }

    /// What it is behind the client.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Asks, and waits for the whole answer.
    pub async fn ask(&self, question: &Question) -> Result<Answer> {
        self.stream(question).await?.answer().await.with_context(|| format!("asking {}", self.name))
    }

    /// Asks. What comes of it is read from the stream.
    pub async fn stream(&self, question: &Question) -> Result<Stream> {
        let mut body = json!({
            "model": self.model,
            "messages": question.messages,
            "max_tokens": question.max_tokens,
            "temperature": 0,
            "prompt_cache_key": question.conversation,
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        if question.endless {
            body["logit_bias"] = self.biases.clone();
        }
        if let (Program::Llama(_), Some(slot)) = (&self.program, question.slot) {
            body["id_slot"] = slot.into();
        }
        let asked = Stream::open(self.client.post("/v1/chat/completions", &body));
        asked.await.with_context(|| format!("asking {}", self.name))
    }

    /// Its resident memory, in bytes.
    pub fn memory(&self) -> Result<u64> {
        process::memory(self.id()?)
    }

    /// Time that processors have spent on it.
    pub fn processor_time(&self) -> Result<Duration> {
        process::processor_time(self.id()?)
    }

    fn id(&self) -> Result<u32> {
        match &self.program {
            Program::Corral(host) => host.id(),
            Program::Llama(server) => server.id(),
        }
    }
}
