//! The listeners: connections, limits, time-outs, and the hand-over to an application.
//!
//! Not here: which status an error becomes (`respond.rs`), and how an application answers
//! (`guest`).

pub mod admin;
pub mod application;
mod body;
mod connection;
pub mod door;
mod exchange;
pub mod health;
pub mod hosted;
mod listener;
mod session;
mod shadow;
pub mod site;
mod socket;
pub mod stop;
pub mod token;
mod tracked;

#[cfg(test)]
mod tests;

pub use application::Application;
pub use door::Door;
pub use stop::Stop;

use crate::apps::Deployer;
use anyhow::Context as _;
use bytesize::ByteSize;
use corral_inference::Models;
use corral_telemetry::Metrics;
use listener::Listener;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// `[server]`: the public listener and its limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one, which the `ready` line names.
    pub listen: SocketAddr,
    /// Open connections; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// The largest request body.
    pub max_body: ByteSize,
    /// All request headers together.
    pub max_headers: ByteSize,
    /// Time for a client to send its headers.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Time for a client to send its body.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Time for a whole request, the answer included.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// Time that answers under way have to finish at shutdown.
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            max_connections: 1024,
            max_body: ByteSize::mib(2),
            max_headers: ByteSize::kib(32),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(300),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Both listeners, bound but not yet serving.
pub struct Server {
    config: Config,
    door: Arc<Door>,
    metrics: Arc<Metrics>,
    models: Arc<OnceLock<Models>>,
    deployer: Arc<OnceLock<Deployer>>,
    public: Listener,
    admin: Listener,
    token: token::Token,
    stop: Stop,
}

impl Server {
    /// Binds both addresses and reads the admin token, or makes one.
    pub async fn bind(
        config: &Config,
        admin: &admin::Config,
        metrics: Arc<Metrics>,
        stop: Stop,
    ) -> anyhow::Result<Self> {
        let token = token::Token::open(&admin.token_file)?;
        let limits = connection::Limits::of(config);
        let places = config.max_connections;
        Ok(Self {
            config: config.clone(),
            door: Arc::new(Door::new(stop.clone())),
            public: Listener::bind(config.listen, limits, places).await.context("server.listen")?,
            admin: Listener::bind(admin.listen, limits, admin::CONNECTIONS).await.context("admin.listen")?,
            metrics,
            models: Arc::default(),
            deployer: Arc::default(),
            token,
            stop,
        })
    }

    /// Where the public listener listens.
    pub fn address(&self) -> SocketAddr {
        self.public.address()
    }

    /// Where the admin listener listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Where whoever loads the applications opens them to requests.
    pub fn door(&self) -> Arc<Door> {
        self.door.clone()
    }

    /// Where whoever loads the models puts them within operators' reach.
    pub fn models(&self) -> Arc<OnceLock<Models>> {
        self.models.clone()
    }

    /// Where whoever loads the applications puts deployments within operators' reach.
    pub fn deployer(&self) -> Arc<OnceLock<Deployer>> {
        self.deployer.clone()
    }

    /// Serves until told to stop and the answers under way are finished, or their time is over.
    ///
    /// From the start the health checks answer; requests for applications are refused with a
    /// word of when to return until the door is open.
    pub async fn run(self) {
        let admin = admin::Admin::new(admin::Reach {
            door: self.door.clone(),
            metrics: self.metrics.clone(),
            models: self.models,
            deployer: self.deployer,
            token: self.token,
            patience: self.config.drain_timeout,
        });
        let exchanges = exchange::Exchanges::new(&self.config, self.door, self.metrics.clone());
        let connections = Some(self.metrics.connections().clone());
        // The admin listener outlives the public one, so that operators can watch it drain.
        let after = Stop::default();
        let admin = tokio::spawn(self.admin.run(
            move |request, activity| admin.clone().answer(request, activity),
            after.clone(),
            None,
        ));
        tokio::spawn(cut_off(self.stop.clone(), self.config.drain_timeout));
        let answer = move |request, activity| exchanges.clone().answer(request, activity);
        self.public.run(answer, self.stop, connections).await;
        after.now();
        if let Err(panic) = admin.await {
            tracing::error!(%panic, "the admin listener failed");
        }
    }
}

/// Ends what is still under way when the time to drain is over.
async fn cut_off(stop: Stop, patience: Duration) {
    stop.draining().await;
    tracing::info!(patience = %humantime::format_duration(patience), "draining: answers under way may finish");
    tokio::time::sleep(patience).await;
    stop.now();
}
