//! Bodies on their way into and out of a guest.

use super::Guest;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header::CONTENT_LENGTH};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// A request's body, as the guest reads it.
pub type Incoming = UnsyncBoxBody<Bytes, wasmtime_wasi_http::Error>;

/// A response's body.
pub type Body = UnsyncBoxBody<Bytes, wasmtime_wasi_http::Error>;

/// What an answer's body may be.
pub struct Bounds {
    /// When it has to be complete.
    pub deadline: Instant,
    /// Bytes that may come.
    pub output: u64,
    /// Bytes after which nobody asks for more, where the head says how many they are.
    pub announced: Option<u64>,
}

/// How long an answer's body is for whoever sends it, if its head says so.
#[must_use]
pub fn announced(method: &Method, status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    if method == Method::HEAD || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status) {
        return Some(0);
    }
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body that stops its guest when it is dropped early, when its time is over, or when it is too long.
pub struct Guarded {
    body: HyperOutgoingBody,
    guest: Guest,
    deadline: Pin<Box<Sleep>>,
    /// Bytes that may still come.
    left: u64,
    /// Bytes of the announced ones that are still to come.
    announced: Option<u64>,
}

impl Guarded {
    /// Of the guest that writes it.
    #[must_use]
    pub fn new(body: HyperOutgoingBody, guest: Guest, bounds: Bounds) -> Self {
        let Bounds { deadline, output, announced } = bounds;
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        let mut guarded = Self { body, guest, deadline, left: output, announced };
        guarded.release_at_end();
        guarded
    }

    /// What follows the body, such as storing the turn, still runs. Nobody may read a body for its end: one that is empty
    /// or as long as announced is dropped by whoever sends it.
    fn release_at_end(&mut self) {
        if self.announced == Some(0) || self.body.is_end_stream() {
            self.guest.release();
        }
    }
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(wasmtime_wasi_http::Error::HttpResponseTimeout)));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            let length = data.len() as u64;
            self.announced = self.announced.map(|announced| announced.saturating_sub(length));
            match self.left.checked_sub(length) {
                Some(left) => self.left = left,
                None => {
                    tracing::warn!("the component's answer is longer than its limit");
                    return Poll::Ready(Some(Err(wasmtime_wasi_http::Error::HttpResponseBodySize(None))));
                }
            }
        }
        if frame.is_none() {
            self.guest.release();
        }
        self.release_at_end();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
