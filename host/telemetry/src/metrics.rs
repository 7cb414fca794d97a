//! The metrics and their names, in the form that Prometheus reads.
//!
//! Every label is bounded: applications and statuses by nature, routes by `routes`.

use super::{
    calls::Calls,
    exchange::Summary,
    routes::Routes,
    sampled::{Apps, Hosting, Models, Sessions},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
        info::Info,
    },
    registry::{Registry, Unit},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds. A store answers in less than a millisecond, a long answer takes minutes.
const BUCKETS: [f64; 18] = [
    0.0001, 0.0004, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0,
];

/// All metrics of the host.
pub struct Metrics {
    registry: Mutex<Registry>,
    routes: Routes,
    requests: Family<Answered, Counter>,
    durations: Family<Route, Histogram, Buckets>,
    first_tokens: Family<App, Histogram, Buckets>,
    bytes: Family<App, Counter>,
    failures: Family<Failure, Counter>,
    deployments: Family<Deployment, Counter>,
    stages: Family<Stage, Histogram, Buckets>,
    in_flight: Gauge,
    connections: Gauge,
    calls: Calls,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    app: Arc<str>,
    route: Arc<str>,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    app: Arc<str>,
    route: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct App {
    app: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    app: Arc<str>,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Deployment {
    app: Arc<str>,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    app: Arc<str>,
    stage: &'static str,
}

/// What every duration is sorted into.
#[derive(Clone)]
pub(super) struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            routes: Routes::new(),
            requests: Family::default(),
            durations: Family::new_with_constructor(Buckets),
            first_tokens: Family::new_with_constructor(Buckets),
            bytes: Family::default(),
            failures: Family::default(),
            deployments: Family::default(),
            stages: Family::new_with_constructor(Buckets),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            calls: Calls::new(),
        };
        metrics.register();
        metrics
    }

    /// Open connections of the public listener.
    pub fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// What components wait for.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Also tells how busy the models are, by their names, asked at each scrape.
    pub fn watch_models(
        &self,
        loads: impl Fn() -> Vec<(String, corral_inference::Load)> + Send + Sync + 'static,
    ) {
        self.corral(|corral| corral.register_collector(Box::new(Models::new(loads))));
    }

    /// Also tells how many finished turns still wait for the session store, asked at each scrape.
    pub fn watch_sessions(&self, waiting: impl Fn() -> usize + Send + Sync + 'static) {
        self.corral(|corral| corral.register_collector(Box::new(Sessions::new(waiting))));
    }

    /// Also tells of the applications, asked at each scrape.
    pub fn watch_apps(&self, told: impl Fn() -> Vec<Hosting> + Send + Sync + 'static) {
        self.corral(|corral| corral.register_collector(Box::new(Apps::new(told))));
    }

    /// A deployment has ended: in `deployed`, in `rolled_back`, or in the stage that refused it.
    pub fn deployed(&self, app: &str, outcome: &'static str) {
        self.deployments.get_or_create(&Deployment { app: app.into(), outcome }).inc();
    }

    /// A stage of a deployment has ended well.
    pub fn deployment_stage(&self, app: &str, stage: &'static str, took: Duration) {
        self.stages.get_or_create(&Stage { app: app.into(), stage }).observe(took.as_secs_f64());
    }

    /// Everything, as text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut buffer = String::new();
        text::encode(&mut buffer, &self.lock())?;
        Ok(buffer)
    }

    pub(super) fn request_began(&self) {
        self.in_flight.inc();
    }

    pub(super) fn request_ended(&self, summary: &Summary<'_>) {
        self.in_flight.dec();
        let app: Arc<str> = summary.app.into();
        let route = self.routes.label(&app, summary.route, summary.status < 400);
        let answered = Answered {
            app: app.clone(),
            route: route.clone(),
            method: summary.method,
            status: summary.status,
        };
        self.requests.get_or_create(&answered).inc();
        self.durations.get_or_create(&Route { app: app.clone(), route }).observe(summary.took.as_secs_f64());
        self.bytes.get_or_create(&App { app: app.clone() }).inc_by(summary.bytes_out);
        if let Some(kind) = summary.failure {
            self.failures.get_or_create(&Failure { app: app.clone(), kind }).inc();
        }
        if let Some(first_token) = summary.first_token {
            self.first_tokens.get_or_create(&App { app }).observe(first_token.as_secs_f64());
        }
    }

    fn register(&self) {
        let started = Gauge::<i64>::default();
        started.set(now());
        self.lock().register_with_unit(
            "process_start_time",
            "When the host started, since the Unix epoch",
            Unit::Seconds,
            started,
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        self.corral(|corral| {
            corral.register("build", "Which host this is", build);
            corral.register("http_requests", "Requests answered", self.requests.clone());
            corral.register_with_unit(
                "http_request_duration",
                "From a request's head to the end of its answer",
                Unit::Seconds,
                self.durations.clone(),
            );
            corral.register_with_unit(
                "first_token",
                "From a generation's call to its first token",
                Unit::Seconds,
                self.first_tokens.clone(),
            );
            corral.register_with_unit(
                "http_response_body",
                "Bodies of answers sent",
                Unit::Bytes,
                self.bytes.clone(),
            );
            corral.register(
                "request_failures",
                "Requests that the host had to answer or stop itself, by cause",
                self.failures.clone(),
            );
            corral.register(
                "deployments",
                "Deployments by outcome: deployed, canary, promoted, rolled_back, guarded, or the stage that refused them",
                self.deployments.clone(),
            );
            corral.register_with_unit(
                "deployment_stage_duration",
                "Stages of deployments: verify, compose, compile, link, probe, record",
                Unit::Seconds,
                self.stages.clone(),
            );
            corral.register_with_unit(
                "import_duration",
                "Calls of components to the host",
                Unit::Seconds,
                self.calls.0.clone(),
            );
            corral.register("http_requests_in_flight", "Requests under way", self.in_flight.clone());
            corral.register("http_connections", "Open connections", self.connections.clone());
        });
    }

    fn corral(&self, register: impl FnOnce(&mut Registry)) {
        register(self.lock().sub_registry_with_prefix("corral"));
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
