//! An application as the server sees it: something with a name that answers requests.

use corral_telemetry::Outcome;
use corral_wasm::guest;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use std::sync::Arc;

/// Takes how a request ended.
pub type Observer = Box<dyn FnOnce(Outcome) + Send>;

/// An application, and the request that it is to answer.
pub type Decided = (Arc<dyn Application>, Request<guest::body::Incoming>);

/// Decides which generation answers a request of a client, by its key.
pub type Decider =
    Box<dyn FnOnce(Request<guest::body::Incoming>, String) -> BoxFuture<'static, Decided> + Send>;

/// Answers requests: an application of components, or a test's stand-in.
pub trait Application: Send + Sync + 'static {
    /// Its name in the settings.
    fn name(&self) -> &str;

    /// The digest of what answers, for the log.
    fn digest(&self) -> &str;

    /// The number of the generation that answers, for the log and the client.
    fn generation(&self) -> Option<u64> {
        None
    }

    /// Who decides which generation answers, where that depends on more than host name and path.
    fn decider(self: Arc<Self>) -> Option<Decider> {
        None
    }

    /// Who wants to know how the request ended, if anyone does.
    fn observer(&self) -> Option<Observer> {
        None
    }

    /// Answers one request.
    fn answer(
        self: Arc<Self>,
        request: Request<guest::body::Incoming>,
        context: guest::Context,
    ) -> BoxFuture<'static, Result<Response<guest::Body>, guest::Failure>>;
}

/// Finds the application for a host name and a path.
pub type Router = dyn Fn(Option<&str>, &str) -> Option<Arc<dyn Application>> + Send + Sync;
