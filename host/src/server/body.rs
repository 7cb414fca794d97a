//! A request's body, bounded in size and in time.

use crate::respond::Failure;
use bytes::Bytes;
use corral_wasm::guest;
use http::{HeaderMap, Version, header::EXPECT};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep},
};

/// How long a client may still send what nobody reads, so that it gets to read its answer.
const LINGER: Duration = Duration::from_secs(2);

/// What a request's body may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub bytes: u64,
    pub time: Duration,
}

/// Why a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the body is larger than it may be")]
    TooLarge,
    #[error("the body did not come in time")]
    TooSlow,
    #[error("the body broke off")]
    Broken,
}

/// A body that ends with a [`Fault`] when it goes over its limits.
pub(super) struct Limited {
    body: Option<Incoming>,
    left: u64,
    patience: Patience,
    fault: Option<oneshot::Sender<Fault>>,
    lingers: bool,
}

/// Time for a client to send. Only waiting for it counts, not what the guest does before and between its reads.
struct Patience {
    left: Duration,
    /// Since when somebody waits, and until when at most.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

/// Tells of the body's fault, whoever reads it.
pub(super) struct Watch(oneshot::Receiver<Fault>);

/// Bounds a body. One that says at once that it is too large is refused at once.
pub(super) fn limit(
    body: Incoming,
    headers: &HeaderMap,
    version: Version,
    limits: Limits,
) -> Result<(guest::body::Incoming, Watch), Failure> {
    let announced = body.size_hint().lower();
    let (fault, watch) = oneshot::channel();
    let limited = Limited {
        body: Some(body),
        left: limits.bytes,
        patience: Patience { left: limits.time, waiting: None },
        fault: Some(fault),
        // HTTP/2 resets the one stream, and a client that waits for `100 Continue` sends nothing.
        lingers: version < Version::HTTP_2 && !headers.contains_key(EXPECT),
    };
    if announced > limits.bytes {
        return Err(Failure::BodyTooLarge);
    }
    Ok((limited.map_err(Into::into).boxed_unsync(), Watch(watch)))
}

impl Watch {
    /// The fault, if there ever is one.
    pub(super) async fn fault(&mut self) -> Failure {
        match (&mut self.0).await {
            Ok(fault) => fault.into(),
            // The body was read or dropped without one.
            Err(_) => std::future::pending().await,
        }
    }

    /// Whether there was a fault by now.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        self.0.try_recv().map_or(Ok(()), |fault| Err(fault.into()))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLarge => Self::BodyTooLarge,
            Fault::TooSlow => Self::BodyTooSlow,
            Fault::Broken => Self::BodyBroken,
        }
    }
}

/// What the guest hears of it, if it gets to hear it.
impl From<Fault> for wasmtime_wasi_http::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLarge => Self::HttpRequestBodySize(None),
            Fault::TooSlow => Self::ConnectionReadTimeout,
            Fault::Broken => Self::ConnectionTerminated,
        }
    }
}

impl Limited {
    fn read(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if polled.is_ready() {
            self.patience.rest();
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.count(frame))),
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(%error, "a request's body broke off");
                Poll::Ready(Some(Err(Fault::Broken)))
            }
            Poll::Ready(None) => {
                self.body = None;
                Poll::Ready(None)
            }
            Poll::Pending => self.patience.poll(context).map(|()| Some(Err(Fault::TooSlow))),
        }
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Fault> {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let left = u64::try_from(length).ok().and_then(|length| self.left.checked_sub(length));
        self.left = left.ok_or(Fault::TooLarge)?;
        Ok(frame)
    }
}

impl Patience {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let (_, timer) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        timer.as_mut().poll(context)
    }

    fn rest(&mut self) {
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
    }
}

impl Body for Limited {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = std::task::ready!(self.read(context));
        if let Some(Err(fault)) = frame
            && let Some(tell) = self.fault.take()
        {
            // Nobody listens once the answer has begun.
            let _unheard = tell.send(fault);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Limited {
    /// Closing a connection with unread data resets it, and the client would lose its answer.
    fn drop(&mut self) {
        if let Some(body) = self.body.take()
            && self.lingers
            && !body.is_end_stream()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(tokio::time::timeout(LINGER, discard(body)));
        }
    }
}

async fn discard(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}
