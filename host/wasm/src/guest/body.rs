//! Bodies on their way into and out of a guest.

use super::Guest;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
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

/// A body that stops its guest when it is dropped early, when its time is over, or when it is too long.
pub(super) struct Guarded {
    body: HyperOutgoingBody,
    guest: Guest,
    deadline: Pin<Box<Sleep>>,
    /// Bytes that may still come.
    left: u64,
}

impl Guarded {
    pub(super) fn new(body: HyperOutgoingBody, guest: Guest, deadline: Instant, output: u64) -> Self {
        Self { body, guest, deadline: Box::pin(tokio::time::sleep_until(deadline)), left: output }
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
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => {
                    tracing::warn!("the component's answer is longer than its limit");
                    return Poll::Ready(Some(Err(wasmtime_wasi_http::Error::HttpResponseBodySize(None))));
                }
            }
        }
        if frame.is_none() || self.body.is_end_stream() {
            // What follows the body, such as storing the turn, still runs.
            self.guest.release();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
