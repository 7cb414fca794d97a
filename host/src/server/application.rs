//! An application as the server sees it: something with a name that answers requests.

use crate::guest;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use std::sync::Arc;

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

    /// Answers one request.
    fn answer(
        self: Arc<Self>,
        request: Request<guest::body::Incoming>,
        context: guest::Context,
    ) -> BoxFuture<'static, Result<Response<guest::Body>, guest::Failure>>;
}

/// Finds the application for a host name and a path.
pub type Router = dyn Fn(Option<&str>, &str) -> Option<Arc<dyn Application>> + Send + Sync;
