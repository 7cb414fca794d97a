//! One request on the public listener, from its head to an answer.

use super::{
    Config, Door, body,
    connection::{Activity, Busy},
    tracked::Tracked,
};
use crate::{
    respond,
    respond::{Dialect, Failure},
};
use corral_telemetry::{Exchange, Identity, Metrics, identity::REQUEST_ID};
use corral_wasm::guest::{self, Effects, GRACE};
use http::{HeaderName, Method, Request, Response, header::HOST};
use hyper::body::Incoming;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

/// Which generation of an application has answered.
const GENERATION: HeaderName = HeaderName::from_static("x-corral-generation");

const READ: &str = "GET, HEAD";
/// All but the one that would make the host a tunnel.
const NOT_CONNECT: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Answers the requests of the public listener.
pub(super) struct Exchanges {
    door: Arc<Door>,
    metrics: Arc<Metrics>,
    body: body::Limits,
    time: Duration,
}

impl Exchanges {
    pub(super) fn new(config: &Config, door: Arc<Door>, metrics: Arc<Metrics>) -> Arc<Self> {
        let body = body::Limits { bytes: config.max_body.as_u64(), time: config.body_timeout };
        Arc::new(Self { door, metrics, body, time: config.request_timeout })
    }

    /// Answers one request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        activity: Arc<Activity>,
    ) -> Response<Tracked> {
        let identity = Identity::of(request.headers());
        let deadline = Instant::now() + self.time;
        let busy = activity.begin(deadline + GRACE * 2);
        let path = request.uri().path();
        let dialect = Dialect::of(path);
        let headless = request.method() == Method::HEAD;
        let mut exchange = Exchange::begin(self.metrics.clone(), identity.clone(), request.method(), path);
        let span = tracing::info_span!("request", id = identity.id(), trace = identity.trace_id());

        let address = activity.peer();
        let answered = self.dispatch(request, address, &mut exchange, deadline).instrument(span).await;
        let response = answered.unwrap_or_else(|failure| {
            tracing::debug!(id = exchange.identity().id(), %failure, "the host answers itself");
            exchange.failed(failure.kind());
            respond::failure(&failure, dialect)
        });
        finish(response, exchange, busy, deadline, headless)
    }

    async fn dispatch(
        &self,
        request: Request<Incoming>,
        address: Option<SocketAddr>,
        exchange: &mut Exchange,
        deadline: Instant,
    ) -> Result<Response<guest::Body>, Failure> {
        match (request.uri().path(), request.method()) {
            ("/livez", &Method::GET | &Method::HEAD) => Ok(respond::alive()),
            ("/readyz", &Method::GET | &Method::HEAD) => Ok(respond::readiness(&self.door.report().await)),
            ("/livez" | "/readyz", _) => Err(Failure::MethodNotAllowed(READ)),
            (_, &Method::CONNECT) => Err(Failure::MethodNotAllowed(NOT_CONNECT)),
            _ => self.hand_over(request, address, exchange, deadline).await,
        }
    }

    async fn hand_over(
        &self,
        request: Request<Incoming>,
        address: Option<SocketAddr>,
        exchange: &mut Exchange,
        deadline: Instant,
    ) -> Result<Response<guest::Body>, Failure> {
        let host = host(&request).ok_or(Failure::NoHost)?;
        let mut application = self.door.find(Some(host), request.uri().path())?;
        exchange.answered_by(application.name(), application.digest(), application.generation());

        let (mut parts, body) = request.into_parts();
        let client = guest::Client::of(&parts.headers, address);
        let (body, mut watch) = body::limit(body, &parts.headers, parts.version, self.body)?;
        exchange.identity().hand_on(&mut parts.headers);
        let mut request = Request::from_parts(parts, body);
        if let Some(decide) = application.clone().decider() {
            (application, request) = tokio::select! {
                biased;
                failure = watch.fault() => return Err(failure),
                decided = timeout_at(deadline, decide(request, client.key())) => {
                    decided.map_err(|_elapsed| Failure::from(guest::Failure::DeadlinePassed))?
                }
            };
            exchange.answered_by(application.name(), application.digest(), application.generation());
            exchange.observed_by(application.observer());
        }
        let context = guest::Context {
            request_id: exchange.identity().id().to_owned(),
            client,
            deadline,
            record: exchange.record().clone(),
            effects: Effects::default(),
            inside: None,
            depth: 0,
        };
        let answer = application.answer(request, context);
        let answered = tokio::select! {
            biased;
            failure = watch.fault() => return Err(failure),
            answered = timeout_at(deadline + GRACE, answer) => answered,
        };
        // A guest that hears of the fault may answer before the fault is seen here.
        watch.check()?;
        match answered {
            Ok(answered) => Ok(answered?),
            Err(_elapsed) => Err(guest::Failure::DeadlinePassed.into()),
        }
    }
}

fn finish(
    mut response: Response<guest::Body>,
    exchange: Exchange,
    busy: Busy,
    deadline: Instant,
    headless: bool,
) -> Response<Tracked> {
    if let Some(id) = exchange.identity().header() {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(generation) = exchange.generation() {
        response.headers_mut().insert(GENERATION, generation.into());
    }
    Tracked::follow(response, exchange, busy, deadline + GRACE, headless)
}

/// The host name that the client asks for, without its port.
fn host<B>(request: &Request<B>) -> Option<&str> {
    if let Some(host) = request.uri().host() {
        return Some(host);
    }
    let header = request.headers().get(HOST)?.to_str().ok()?;
    Some(match header.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => header,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_no_part_of_the_host() {
        for (header, expected) in [
            ("chat.example", "chat.example"),
            ("chat.example:3000", "chat.example"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            let request = Request::builder().uri("/").header(HOST, header).body(()).unwrap();
            assert_eq!(host(&request), Some(expected));
        }
        let absolute = Request::builder().uri("http://a.example:1/").header(HOST, "b").body(()).unwrap();
        assert_eq!(host(&absolute), Some("a.example"));
        assert_eq!(host(&Request::new(())), None);
    }
}
