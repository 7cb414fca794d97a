//! One request and its answer, from the request's head to the end of the answer's body.
//!
//! Leaves one log line and its share of the metrics when it is dropped, whatever the reason.
//! Never the typed text, nor a query string.

use super::{Identity, Metrics, Record, routes};
use http::Method;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What a client's leaving before any answer is counted as. Never sent.
const CLIENT_LEFT: u16 = 499;
/// How much of a digest tells two components apart in a log.
const SHORT_DIGEST: usize = 12;

/// An exchange under way.
pub struct Exchange {
    metrics: Arc<Metrics>,
    identity: Identity,
    method: &'static str,
    route: String,
    app: Option<(String, String)>,
    generation: Option<u64>,
    status: Option<u16>,
    /// The status that the answer would have had, if what it ended with had been known at its head.
    ended_as: Option<u16>,
    failure: Option<&'static str>,
    ended: bool,
    bytes_out: u64,
    started: Instant,
    record: Arc<Record>,
    observer: Option<Box<dyn FnOnce(Outcome) + Send>>,
}

/// How a request ended, for whoever compares generations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// With a status of 500 or above, or broken off by the host.
    pub failed: bool,
    /// How long the answer to a turn took.
    pub answered: Option<Duration>,
}

/// What metrics and log say of a finished exchange.
#[derive(Debug)]
pub(super) struct Summary<'a> {
    pub app: &'a str,
    pub route: &'a str,
    pub method: &'static str,
    pub status: u16,
    pub failure: Option<&'static str>,
    pub took: Duration,
    pub bytes_out: u64,
    pub first_token: Option<Duration>,
}

impl Exchange {
    /// A request's head is here.
    pub fn begin(metrics: Arc<Metrics>, identity: Identity, method: &Method, path: &str) -> Self {
        metrics.request_began();
        Self {
            metrics,
            identity,
            method: known(method),
            route: routes::template(path),
            app: None,
            generation: None,
            status: None,
            ended_as: None,
            failure: None,
            ended: false,
            bytes_out: 0,
            started: Instant::now(),
            record: Arc::default(),
            observer: None,
        }
    }

    /// How the request is called.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where the imports leave what they know.
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Who answers.
    pub fn answered_by(&mut self, app: &str, digest: &str, generation: Option<u64>) {
        self.generation = generation;
        let short = digest.get(..SHORT_DIGEST).unwrap_or(digest);
        self.app = Some((app.to_owned(), short.to_owned()));
    }

    /// Tells how the request ended, to whoever wants to know.
    pub fn observed_by(&mut self, observer: Option<Box<dyn FnOnce(Outcome) + Send>>) {
        self.observer = observer;
    }

    /// The number of the generation that answers.
    pub fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// The host had to answer, or to stop the answer, for this cause.
    pub fn failed(&mut self, cause: &'static str) {
        self.failure = Some(cause);
    }

    /// The answer's head is known.
    pub fn head(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// The application said at the end of the body that the answer had failed after its head was sent, and with what
    /// status it would have begun otherwise.
    pub fn ended_as(&mut self, status: u16) {
        self.ended_as = Some(status);
        if status >= 500 {
            self.failure = Some("failed_stream");
        }
    }

    /// A piece of the answer's body went out.
    pub fn sent(&mut self, bytes: usize) {
        self.bytes_out = self.bytes_out.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// The answer went out whole.
    pub fn end(&mut self) {
        self.ended = true;
    }

    fn outcome(&self) -> &'static str {
        match (self.ended, self.failure) {
            (true, None) => "answered",
            (_, Some(_)) => "failed",
            (false, None) => "client left",
        }
    }

    /// What a client that leaves says nothing of.
    fn told(&self) -> Outcome {
        let status = self.ended_as.or(self.status).unwrap_or(CLIENT_LEFT);
        let failed = status >= 500 || (self.failure.is_some() && status != CLIENT_LEFT && status < 400);
        let answered =
            (self.ended && status < 400 && routes::is_turn(&self.route)).then(|| self.started.elapsed());
        Outcome { failed, answered }
    }

    fn log(&self) {
        let generated = self.record.generated();
        tracing::info!(
            target: "corral::request",
            request_id = self.identity.id(),
            trace_id = self.identity.trace_id(),
            app = self.app.as_ref().map(|(name, _)| name.as_str()),
            digest = self.app.as_ref().map(|(_, digest)| digest.as_str()),
            generation = self.generation,
            method = self.method,
            route = self.route.as_str(),
            status = self.status.unwrap_or(CLIENT_LEFT),
            failure = self.failure,
            queue_ms = generated.map(|sum| sum.queue_ms),
            first_token_ms = generated.map(|sum| sum.first_token_ms),
            total_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            prompt_tokens = generated.map(|sum| sum.prompt_tokens),
            cached_tokens = generated.map(|sum| sum.cached_tokens),
            completion_tokens = generated.map(|sum| sum.completion_tokens),
            bytes_out = self.bytes_out,
            "{}",
            self.outcome()
        );
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(observer) = self.observer.take() {
            observer(self.told());
        }
        self.log();
        let generated = self.record.generated();
        self.metrics.request_ended(&Summary {
            app: self.app.as_ref().map_or("none", |(name, _)| name),
            route: &self.route,
            method: self.method,
            status: self.status.unwrap_or(CLIENT_LEFT),
            failure: self.failure,
            took: self.started.elapsed(),
            bytes_out: self.bytes_out,
            first_token: generated.map(|sum| Duration::from_millis(sum.first_token_ms.into())),
        });
    }
}

/// A client may send any word as its method.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
