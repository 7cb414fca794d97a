//! Between the listeners and the applications: closed until everything is loaded.

use super::{
    Stop,
    application::{Application, Router},
    health::{Check, Health, Report},
};
use crate::respond::Failure;
use std::sync::{Arc, OnceLock};

/// Lets requests through to the applications, once there are any.
pub struct Door {
    router: OnceLock<Box<Router>>,
    health: Health,
    stop: Stop,
}

impl Door {
    pub(super) fn new(stop: Stop) -> Self {
        Self { router: OnceLock::new(), health: Health::new(), stop }
    }

    /// Makes readiness depend on one more part.
    pub fn watch(&self, check: Check) {
        self.health.watch(check);
    }

    /// Lets requests in. The router may change its mind later, the door stays open.
    pub fn open(&self, router: Box<Router>) {
        if self.router.set(router).is_err() {
            tracing::warn!("the door was open already");
        }
    }

    /// Whether the host can do its work now, and what keeps it from that.
    pub async fn report(&self) -> Report {
        let mut report = self.health.report().await;
        if self.router.get().is_none() {
            report.holds("apps", "loading");
        }
        if self.stop.is_draining() {
            report.holds("server", "draining");
        }
        report
    }

    pub(super) fn find(&self, host: Option<&str>, path: &str) -> Result<Arc<dyn Application>, Failure> {
        let router = self.router.get().ok_or(Failure::Loading)?;
        router(host, path).ok_or(Failure::NotFound)
    }
}
