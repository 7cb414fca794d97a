//! Speaks to a host as a browser or an application would.

use crate::{Event, Events};
use anyhow::{Context, Result, ensure};
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use std::time::Duration;

/// A client of one host.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, or null if that is no JSON.
    pub body: Value,
}

impl Client {
    /// A client of the host at an address such as `http://127.0.0.1:3000`.
    pub fn new(url: &str) -> Result<Self> {
        // reqwest wants to know who would encrypt, although nothing here is; later ones are refused.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(120))
            // llama-server closes connections between two requests, and the second must not meet that.
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()?;
        Ok(Self { http, url: url.to_owned() })
    }

    /// A request to be finished by the test.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A GET request.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A POST request with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// Makes a session.
    pub async fn session(&self) -> Result<String> {
        let reply = self.request(Method::POST, "/api/v1/chat/session").send().await?;
        ensure!(reply.status() == StatusCode::OK, "{}", reply.status());
        let body: Value = reply.json().await?;
        Ok(body["session_id"].as_str().context("no session_id")?.to_owned())
    }

    /// Says something with greedy sampling, and gives the answer with all that can be included.
    pub async fn say(&self, session: &str, message: &str) -> Result<Value> {
        let body = said(session, message);
        let reply = Reply::of(self.post("/api/v1/chat/chat/text", &body)).await?;
        ensure!(reply.status == StatusCode::OK, "{} {}", reply.status, reply.body);
        Ok(reply.body)
    }

    /// Gives a session documents.
    pub async fn documents(&self, session: &str, documents: Value) -> Result<Value> {
        let body = json!({ "session_id": session, "documents": documents });
        let reply = Reply::of(self.post("/api/v1/chat/documents", &body)).await?;
        ensure!(reply.status == StatusCode::OK, "{} {}", reply.status, reply.body);
        Ok(reply.body)
    }

    /// The stored session.
    pub async fn stored(&self, session: &str) -> Result<Reply> {
        Reply::of(self.get(&format!("/api/v1/chat/session/{session}"))).await
    }

    /// Says something and hears the answer as it comes.
    pub async fn stream(&self, body: &Value) -> Result<Events> {
        let response = self.post("/api/v1/chat/chat/stream", body).send().await?;
        ensure!(response.status() == StatusCode::OK, "{}", response.status());
        Ok(Events::new(response))
    }

    /// All events of a stream.
    pub async fn streamed(&self, body: &Value) -> Result<Vec<Event>> {
        let mut events = self.stream(body).await?;
        let mut all = Vec::new();
        while let Some(event) = events.next().await? {
            all.push(event);
        }
        Ok(all)
    }
}

impl Reply {
    /// Sends a request and reads the whole answer.
    pub async fn of(request: RequestBuilder) -> Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Self { status, headers, body })
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A message with greedy sampling and a short answer.
pub fn said(session: &str, message: &str) -> Value {
    json!({
        "session_id": session,
        "message": message,
        "include": ["sources", "usage", "trimmed"],
        "temperature": 0,
        "max_tokens": 24,
    })
}
