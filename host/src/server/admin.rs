//! The admin listener: metrics, health, models and deployments for whoever runs the host, and a page that shows them.

pub mod apps;
pub mod models;
pub mod page;

use super::{Door, connection::Activity, token::Token};
use crate::{
    apps::Deployer,
    respond,
    respond::{Dialect, Failure},
};
use corral_inference::Models;
use corral_telemetry::{Identity, Metrics, identity::REQUEST_ID};
use corral_wasm::guest;
use http::{
    HeaderMap, Method, Request, Response,
    header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue},
};
use hyper::body::Incoming;
use models::Action;
use serde::Deserialize;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::Instant;

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
pub(super) struct Admin(Reach);

/// What operators reach.
pub(super) struct Reach {
    pub door: Arc<Door>,
    pub metrics: Arc<Metrics>,
    pub models: Arc<OnceLock<Models>>,
    pub deployer: Arc<OnceLock<Deployer>>,
    pub token: Token,
    /// Time that answers under way have where a model goes.
    pub patience: Duration,
}

impl Admin {
    pub(super) fn new(reach: Reach) -> Arc<Self> {
        Arc::new(Self(reach))
    }

    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        activity: Arc<Activity>,
    ) -> Response<guest::Body> {
        let identity = Identity::of(request.headers());
        // A deployment may take a while, and its connection is not idle meanwhile.
        let _busy = activity.begin(Instant::now() + apps::LONGEST);
        let answered = self.dispatch(request, activity.peer().map(|peer| peer.ip())).await;
        let mut response = answered.unwrap_or_else(|failure| respond::failure(&failure, Dialect::Detail));
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(id) = identity.header() {
            headers.insert(REQUEST_ID, id);
        }
        response
    }

    async fn dispatch(
        &self,
        request: Request<Incoming>,
        address: Option<IpAddr>,
    ) -> Result<Response<guest::Body>, Failure> {
        let path = request.uri().path();
        if let Some(action) = apps::Action::of(request.uri(), request.method()) {
            self.authorize(request.headers())?;
            let deployer = self.0.deployer.get().ok_or(Failure::Loading)?;
            return Ok(respond::apps(&action?.run(deployer, request, address).await?));
        }
        if let Some(action) = Action::of(path, request.method()) {
            self.authorize(request.headers())?;
            let models = self.0.models.get().ok_or(Failure::Loading)?;
            let action = action?;
            // The page looks every two seconds.
            if action != Action::List {
                tracing::info!(?action, "an operator asks");
            }
            return Ok(respond::models(&action.run(models, self.0.patience).await?));
        }
        if let Some(file) = page::find(path) {
            return match *request.method() {
                Method::GET | Method::HEAD => Ok(respond::page(file)),
                _ => Err(Failure::MethodNotAllowed("GET, HEAD")),
            };
        }
        match (path, request.method()) {
            ("/livez" | "/readyz" | "/metrics", &Method::GET | &Method::HEAD) => {}
            ("/livez" | "/readyz" | "/metrics", _) => return Err(Failure::MethodNotAllowed("GET, HEAD")),
            _ => return Err(Failure::NotFound),
        }
        match path {
            "/livez" => Ok(respond::alive()),
            "/readyz" => Ok(respond::readiness(&self.0.door.report().await)),
            _ => {
                self.authorize(request.headers()).and_then(|()| Ok(respond::metrics(self.0.metrics.text()?)))
            }
        }
    }

    fn authorize(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).and_then(bearer);
        match given {
            Some(given) if self.0.token.is(given) => Ok(()),
            _ => Err(Failure::Unauthorized),
        }
    }
}

fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}
