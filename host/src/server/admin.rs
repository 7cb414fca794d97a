//! The admin listener: metrics, health and models for whoever runs the host.

pub mod models;

use super::{Door, token::Token};
use crate::{
    guest, respond,
    respond::{Dialect, Failure},
    telemetry::{Identity, Metrics, identity::REQUEST_ID},
};
use corral_inference::Models;
use http::{
    HeaderMap, Method, Request, Response,
    header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue},
};
use hyper::body::Incoming;
use models::Action;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Operators are few.
pub(super) const CONNECTIONS: usize = 64;

/// `[admin]`: the listener that only operators reach.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Keep it on loopback or a private network.
    pub listen: SocketAddr,
    /// The file with the bearer token; made owner-readable at the first start.
    pub token_file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 3001)), token_file: ".corral/admin-token".into() }
    }
}

/// Answers the requests of the admin listener.
pub(super) struct Admin {
    door: Arc<Door>,
    metrics: Arc<Metrics>,
    models: Arc<OnceLock<Models>>,
    token: Token,
    /// Time that answers under way have where a model goes.
    patience: Duration,
}

impl Admin {
    pub(super) fn new(
        door: Arc<Door>,
        metrics: Arc<Metrics>,
        models: Arc<OnceLock<Models>>,
        token: Token,
        patience: Duration,
    ) -> Arc<Self> {
        Arc::new(Self { door, metrics, models, token, patience })
    }

    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<guest::Body> {
        let identity = Identity::of(request.headers());
        let answered = self.dispatch(&request).await;
        let mut response = answered.unwrap_or_else(|failure| respond::failure(&failure, Dialect::Detail));
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(id) = identity.header() {
            headers.insert(REQUEST_ID, id);
        }
        response
    }

    async fn dispatch(&self, request: &Request<Incoming>) -> Result<Response<guest::Body>, Failure> {
        let path = request.uri().path();
        if let Some(action) = Action::of(path, request.method()) {
            self.authorize(request.headers())?;
            let models = self.models.get().ok_or(Failure::Loading)?;
            let action = action?;
            tracing::info!(?action, "an operator asks");
            return Ok(respond::models(&action.run(models, self.patience).await?));
        }
        match (path, request.method()) {
            ("/livez" | "/readyz" | "/metrics", &Method::GET | &Method::HEAD) => {}
            ("/livez" | "/readyz" | "/metrics", _) => return Err(Failure::MethodNotAllowed("GET, HEAD")),
            _ => return Err(Failure::NotFound),
        }
        match path {
            "/livez" => Ok(respond::alive()),
            "/readyz" => Ok(respond::readiness(&self.door.report().await)),
            _ => self.authorize(request.headers()).and_then(|()| Ok(respond::metrics(self.metrics.text()?))),
        }
    }

    fn authorize(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).and_then(bearer);
        match given {
            Some(given) if self.token.is(given) => Ok(()),
            _ => Err(Failure::Unauthorized),
        }
    }
}

fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}
