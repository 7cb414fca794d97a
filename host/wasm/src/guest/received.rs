//! Bodies of answers to a guest's requests: they come in time, and hold a place.

use super::slots::Slot;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context as Task, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::Error;

/// A body that holds a place until it has ended or is dropped.
pub(super) struct Held<B> {
    body: B,
    place: Option<Slot>,
}

impl<B> Held<B> {
    pub(super) fn new(body: B, place: Slot) -> Self {
        Self { body, place: Some(place) }
    }
}

impl<B: http_body::Body<Data = Bytes, Error = Error> + Unpin> http_body::Body for Held<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(task));
        if !matches!(frame, Some(Ok(_))) {
            self.place = None;
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

/// A body whose frames come within a time of each other.
pub(super) struct Paced<B> {
    body: B,
    between: Duration,
    wait: Pin<Box<Sleep>>,
}

impl<B> Paced<B> {
    pub(super) fn new(body: B, between: Duration) -> Self {
        Self { body, between, wait: Box::pin(sleep_until(Instant::now() + between)) }
    }
}

impl<B: http_body::Body<Data = Bytes, Error = Error> + Unpin> http_body::Body for Paced<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(task) {
            Poll::Ready(frame) => {
                let next = Instant::now() + self.between;
                self.wait.as_mut().reset(next);
                Poll::Ready(frame)
            }
            Poll::Pending => match self.wait.as_mut().poll(task) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Error::ConnectionReadTimeout))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
