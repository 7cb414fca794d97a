//! An answer's body on its way out: counted, bounded in time, and the exchange's last part.

use super::connection::Busy;
use bytes::Bytes;
use corral_telemetry::Exchange;
use corral_wasm::guest;
use http::{HeaderMap, Response, StatusCode, header::CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::time::{Instant, Sleep, sleep_until};

/// With what status an answer would have begun that failed after its head was sent. A trailer, for the host alone.
const STATUS: &str = "x-corral-status";

/// A body that ends its exchange when it is dropped.
pub(super) struct Tracked {
    body: guest::Body,
    exchange: Exchange,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    /// What is left of the announced length.
    left: Option<u64>,
    _busy: Busy,
}

/// The answer's body did not end in time.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the answer's deadline passed")]
    Deadline,
    #[error("the answer broke off")]
    Broken(#[source] wasmtime_wasi_http::Error),
}

impl Tracked {
    /// Follows a response until its body has ended. `headless` tells that only its head is sent.
    pub(super) fn follow(
        response: Response<guest::Body>,
        mut exchange: Exchange,
        busy: Busy,
        deadline: Instant,
        headless: bool,
    ) -> Response<Self> {
        let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if headless || bodiless {
            exchange.end();
        }
        exchange.head(response.status().as_u16());
        let announced = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let left = announced.and_then(|length| length.parse().ok());
        response.map(|body| Self { body, exchange, deadline, timer: None, left, _busy: busy })
    }

    fn sent(&mut self, bytes: usize) {
        self.exchange.sent(bytes);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.left = self.left.map(|left| left.saturating_sub(bytes));
    }

    /// What the application said at the end, less what is for the host.
    fn heard(&mut self, mut trailers: HeaderMap) -> HeaderMap {
        let told = trailers.remove(STATUS).and_then(|status| status.to_str().ok()?.parse().ok());
        if let Some(status) = told {
            self.exchange.ended_as(status);
        }
        trailers
    }

    fn late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(context)
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            ready!(self.late(context));
            self.exchange.failed("deadline");
            return Poll::Ready(Some(Err(Error::Deadline)));
        };
        match frame {
            Some(Ok(frame)) => {
                let frame = match frame.into_trailers() {
                    Ok(trailers) => Frame::trailers(self.heard(trailers)),
                    Err(frame) => frame,
                };
                self.sent(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                self.exchange.failed("broken_answer");
                tracing::warn!(request_id = self.exchange.identity().id(), %error, "an answer broke off");
                Poll::Ready(Some(Err(Error::Broken(error))))
            }
            None => {
                self.exchange.end();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.exchange.end();
        } else if self.left == Some(0) {
            self.exchange.end();
            // hyper stops reading at the announced length; the guest must still be let run on to
            // the end of its body, or it would be stopped before it has tidied up.
            let body = std::mem::take(&mut self.body);
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(tokio::time::timeout_at(self.deadline, finish(body)));
            }
        }
    }
}

async fn finish(mut body: guest::Body) {
    while let Some(Ok(_)) = body.frame().await {}
}
