//! Requests that a guest sends: to other components of its application, or to hosts that it was granted.
//!
//! Without a grant there are none, whatever the guest imports.

use super::{
    Body, Client as Caller, Context, Effects, Failure,
    body::Incoming,
    received::{Held, Paced},
    slots::{Slot, Slots},
};
use crate::{
    hosts::{Allowed, Target, chained},
    spin::Component,
};
use corral_telemetry::Record;
use futures_util::future::BoxFuture;
use http::{Request, Response, Uri, Version, header::HOST, uri::Scheme};
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// How long each step may take where a guest says nothing, as Spin has it. The request's own deadline ends all of them.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long a connection without a request is kept.
const IDLE: Duration = Duration::from_secs(30);

/// How many connections without a request are kept to one host.
const MAX_IDLE: usize = 32;

/// How many requests one guest may have under way, to the end of their answers. Further ones wait.
pub const AT_ONCE: u32 = 64;

/// How many requests to other hosts all guests together may have under way: each needs a connection, and connections are
/// bounded by what the process may open. Further ones wait as long as connecting may take.
const ALL_AT_ONCE: u32 = 1_024;

/// How often components of an application may call each other within one request.
const MAX_DEPTH: u32 = 8;

/// The application that a component belongs to, as its components see it.
pub trait Inside: Send + Sync + 'static {
    /// Has the component of an id answer, or with none the one whose route the path is.
    fn answer(
        self: Arc<Self>,
        id: Option<String>,
        request: Request<Incoming>,
        context: Context,
    ) -> BoxFuture<'static, Result<Response<Body>, Failure>>;
}

/// The connections to other hosts. Clones share them.
#[derive(Clone)]
pub struct Web {
    client: Client<HttpsConnector<HttpConnector>, WasiBody>,
    places: Arc<Slots>,
}

impl Web {
    /// None yet.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new() -> anyhow::Result<Self> {
        Self::bounded(ALL_AT_ONCE)
    }

    /// None yet, and never more than so many requests under way.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn bounded(at_once: u32) -> anyhow::Result<Self> {
        let tls = rustls::ClientConfig::builder().with_platform_verifier()?.with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(connector);
        Ok(Self { client, places: Arc::new(Slots::new(at_once, PATIENCE)) })
    }
}

/// What a guest may send.
pub enum Outgoing {
    /// Nothing.
    Denied,
    /// To the hosts that it was granted.
    Granted(Box<Granted>),
}

/// What is needed to send something for a guest. Clones share the places.
#[derive(Clone)]
pub struct Granted {
    /// To whom.
    pub hosts: Arc<[Allowed]>,
    /// For the log, of Spin applications.
    pub component: Option<Arc<Component>>,
    /// The connections.
    pub web: Web,
    /// The application's other components.
    pub inside: Option<Arc<dyn Inside>>,
    /// Names the request that the guest answers.
    pub request_id: String,
    /// Who sent that.
    pub caller: Caller,
    /// When that has to be answered.
    pub deadline: Instant,
    /// What it leaves for the log.
    pub record: Arc<Record>,
    /// How many components have called each other to come here.
    pub depth: u32,
    /// For the requests that the guest has under way.
    pub places: Arc<Slots>,
}

impl Granted {
    /// The places of one guest.
    #[must_use]
    pub fn places() -> Arc<Slots> {
        Arc::new(Slots::new(AT_ONCE, PATIENCE))
    }
}

type Done = Box<dyn Future<Output = wasmtime_wasi_http::Result<()>> + Send>;
type Sent = (Response<WasiBody>, Done);

impl WasiHttpHooks for Outgoing {
    fn default_scheme(&mut self) -> Option<Scheme> {
        Some(Scheme::HTTP)
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _done: Done,
    ) -> Box<dyn Future<Output = wasmtime_wasi_http::Result<Sent>> + Send> {
        match self {
            Self::Denied => {
                let denied = deny(request);
                Box::new(async { Err(denied) })
            }
            Self::Granted(granted) => {
                let granted = Granted::clone(granted);
                Box::new(async move {
                    let response = granted.send(request, options.unwrap_or_default()).await?;
                    Ok((response, Box::new(async { Ok(()) }) as Done))
                })
            }
        }
    }
}

impl Granted {
    async fn send(
        self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> wasmtime_wasi_http::Result<Response<WasiBody>> {
        let uri = request.uri().clone();
        let host = uri.host().filter(|host| *host != "self" && *host != "self.alt");
        let target = Target { scheme: uri.scheme_str().unwrap_or("http"), host, port: uri.port_u16() };
        if !Allowed::any(&self.hosts, &target) {
            let (host, scheme) = (host.unwrap_or("self"), target.scheme);
            tracing::warn!(
                component = self.name(),
                scheme,
                host,
                "an outgoing request was denied: its host is not among those that were granted"
            );
            return Err(deny(request));
        }
        let place = taken(&self.places, self.deadline).await?;
        let response = match host {
            None => self.inside(None, request).await,
            Some(host) => match chained(host) {
                Some(id) => self.inside(Some(id.to_owned()), request).await,
                None => self.outside(request, options).await,
            },
        }?;
        Ok(response.map(|body| Held::new(body, place).boxed_unsync()))
    }

    fn name(&self) -> Option<&str> {
        self.component.as_ref().map(|component| component.id.as_str())
    }

    async fn inside(
        self,
        id: Option<String>,
        mut request: Request<WasiBody>,
    ) -> wasmtime_wasi_http::Result<Response<WasiBody>> {
        let Some(inside) = self.inside.clone() else { return Err(Error::DestinationNotFound) };
        if self.depth >= MAX_DEPTH {
            tracing::warn!(component = self.name(), "components call each other deeper than {MAX_DEPTH}");
            return Err(Error::HttpRequestDenied);
        }
        if let Some(authority) = request.uri().authority()
            && let Ok(host) = http::HeaderValue::from_str(authority.as_str())
        {
            request.headers_mut().insert(HOST, host);
        }
        let name = self.name().map(str::to_owned);
        let context = Context {
            request_id: self.request_id,
            client: self.caller,
            deadline: self.deadline,
            record: self.record,
            effects: Effects::default(),
            inside: None,
            depth: self.depth + 1,
        };
        // On a task of its own: wasmtime drives one instance at a time on a task.
        let answering = AbortOnDropHandle::new(tokio::spawn(inside.answer(id, request, context)));
        let answered = answering.await.map_err(|_panic| Error::HttpResponseIncomplete)?;
        match answered {
            Ok(response) => Ok(response),
            Err(failure) => {
                tracing::warn!(component = name, %failure, "another component did not answer");
                Err(match failure {
                    Failure::Overloaded { .. } => Error::ConnectionLimitReached,
                    Failure::DeadlinePassed | Failure::Retired => Error::HttpResponseTimeout,
                    Failure::NotFound => Error::DestinationNotFound,
                    Failure::CpuExceeded
                    | Failure::OutOfMemory
                    | Failure::Trapped(_)
                    | Failure::NoResponse
                    | Failure::Refused(_) => Error::HttpResponseIncomplete,
                })
            }
        }
    }

    async fn outside(
        self,
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> wasmtime_wasi_http::Result<Response<WasiBody>> {
        *request.version_mut() = Version::HTTP_11;
        if request.uri().scheme() == Some(&Scheme::HTTPS) {
            // The connection decides, by ALPN.
            request.headers_mut().remove(HOST);
        }
        let connect = options.connect_timeout.unwrap_or(PATIENCE);
        let first = options.first_byte_timeout.unwrap_or(PATIENCE);
        let begun = Instant::now();
        let until = (begun + connect + first).min(self.deadline);
        let place = taken(&self.web.places, until.min(begun + connect)).await?;
        let answered = tokio::time::timeout_at(until, self.web.client.request(request)).await;
        let response =
            answered.map_err(|_elapsed| Error::ConnectionReadTimeout)?.map_err(|error| reason(&error))?;
        let between = options.between_bytes_timeout.unwrap_or(PATIENCE);
        Ok(response.map(|body| {
            let paced = Paced::new(body.map_err(Error::from), between);
            Held::new(paced, place).boxed_unsync()
        }))
    }
}

async fn taken(places: &Slots, until: Instant) -> wasmtime_wasi_http::Result<Slot> {
    places.take(until).await.map_err(|_full| Error::ConnectionLimitReached)
}

/// Reads what the guest still writes, until it ends: it is to learn why nothing was sent, and not that nobody reads.
fn deny(request: Request<WasiBody>) -> Error {
    let mut body = request.into_body();
    tokio::spawn(async move { while let Some(Ok(_unread)) = body.frame().await {} });
    Error::HttpRequestDenied
}

/// The error of `wasi:http` that says most.
fn reason(error: &hyper_util::client::legacy::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::UnexpectedEof => {
                    return Error::ConnectionTerminated;
                }
                std::io::ErrorKind::TimedOut => return Error::ConnectionTimeout,
                std::io::ErrorKind::InvalidData if inner.to_string().contains("certificate") => {
                    return Error::TlsCertificateError;
                }
                _ => {}
            }
        }
        if inner.is::<rustls::Error>() {
            return Error::TlsProtocolError;
        }
        if inner.to_string().contains("dns error") {
            return Error::DnsError { rcode: None, info_code: None };
        }
        cause = inner.source();
    }
    if error.is_connect() { Error::DestinationUnavailable } else { Error::HttpProtocolError }
}

/// The address of a request as its sender wrote it.
#[must_use]
pub fn written(uri: &Uri, host: Option<&str>) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map(|authority| authority.as_str()).or(host).unwrap_or("localhost");
    format!("{}://{host}{path}", uri.scheme_str().unwrap_or("http"))
}
