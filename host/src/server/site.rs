//! Leads requests to the components of a Spin application: by its routes, or by a component's id from within.
//!
//! Not here: what a route is (`spin/routes.rs` of `corral-wasm`), and how a component answers (`guest`).

use super::{Application, application::Router, hosted::Hosted};
use crate::apps::Apps;
use bytes::Bytes;
use corral_wasm::{
    guest::{self, Inside, body::Incoming, outgoing::written},
    imports::Services,
    spin::{
        self, Match,
        routes::{Destination, Fixed},
    },
};
use futures_util::future::BoxFuture;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt as _, Full};
use std::sync::Arc;

/// Where Spin says that it is alive.
const HEALTH: &str = "/.well-known/spin/health";

/// A Spin application that is served.
pub struct Site {
    application: spin::Application,
    /// A component's generations, by its id.
    apps: Arc<Apps>,
    services: Arc<Services>,
}

/// How a request was led to a component, and where that one's other components are.
#[derive(Clone)]
pub(super) struct Led {
    found: Match,
    site: Arc<Site>,
}

/// Always the same answer.
struct Static(Fixed);

impl Site {
    /// The components of `application` are in `apps` by their ids.
    pub fn new(application: spin::Application, apps: Arc<Apps>, services: Arc<Services>) -> Arc<Self> {
        Arc::new(Self { application, apps, services })
    }

    /// Leads requests by its routes.
    pub fn router(self: Arc<Self>) -> Box<Router> {
        Box::new(move |_host, path| {
            if path == HEALTH {
                return Some(Arc::new(healthy()));
            }
            self.led(self.application.routes.find(path)?)
        })
    }

    fn led(self: &Arc<Self>, found: Match) -> Option<Arc<dyn Application>> {
        match &found.destination {
            Destination::Static(fixed) => Some(Arc::new(Static(fixed.clone()))),
            Destination::Component(id) => {
                let (app, services) = (self.apps.named(id)?.clone(), self.services.clone());
                Some(Arc::new(Hosted::now(app, services, Some(Led { found, site: self.clone() }))))
            }
        }
    }
}

impl Inside for Site {
    fn answer(
        self: Arc<Self>,
        id: Option<String>,
        request: Request<Incoming>,
        context: guest::Context,
    ) -> BoxFuture<'static, Result<Response<guest::Body>, guest::Failure>> {
        let path = request.uri().path();
        let found = match id {
            Some(id) => Some(Match::chained(&id, path)),
            None => self.application.routes.find(path),
        };
        let Some(application) = found.and_then(|found| self.led(found)) else {
            return Box::pin(async { Err(guest::Failure::NotFound) });
        };
        application.answer(request, context)
    }
}

impl Led {
    /// Tells the component how it was found, and lets it call the others.
    pub(super) fn tell(&self, request: &mut Request<Incoming>, context: &mut guest::Context) {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let url = written(request.uri(), host);
        // Who calls from within has no address.
        let client = context.client.address().filter(|_| context.depth == 0);
        if host.is_none() {
            request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
        }
        self.found.describe(request.headers_mut(), &url, client);
        context.inside = Some(self.site.clone());
    }
}

impl Application for Static {
    fn name(&self) -> &str {
        "static"
    }

    fn digest(&self) -> &str {
        ""
    }

    fn answer(
        self: Arc<Self>,
        _request: Request<Incoming>,
        _context: guest::Context,
    ) -> BoxFuture<'static, Result<Response<guest::Body>, guest::Failure>> {
        let Fixed { status, headers, body } = self.0.clone();
        let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Box::pin(async { Ok(response) })
    }
}

fn healthy() -> Static {
    let text = HeaderValue::from_static("text/plain");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, text)]);
    Static(Fixed { status: StatusCode::OK, headers, body: "OK".into() })
}
