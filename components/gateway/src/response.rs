//! Puts responses on the wire.
//!
//! Not here: what they say (`reply.rs`, `sse.rs`).

use crate::reply::Reply;
use crate::wasi::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use crate::wasi::io::streams::{OutputStream, StreamError};

/// The most that one write may carry (`wasi:io/streams`).
const WRITE_AT_ONCE: usize = 4096;

/// Tells the host, after the body, with what status an answer would have begun that failed later.
const STATUS: &str = "x-corral-status";

/// A part of a response that goes out as it comes.
#[derive(Debug, PartialEq)]
pub enum Piece {
    Bytes(Vec<u8>),
    /// The last one of an answer that failed: what the client reads, and the status it would have had.
    Failed(Vec<u8>, u16),
}

/// A response whose head is sent and whose body is being written.
struct Open {
    // Invariant: the stream is dropped before its body.
    stream: OutputStream,
    body: OutgoingBody,
}

/// Sends a whole reply.
///
/// What fits the host's buffer is written before the head is sent, so that both go out at once
/// and nobody waits in between.
pub fn send(out: ResponseOutparam, reply: Reply) {
    let mut headers = reply.headers;
    if !reply.body.is_empty() {
        headers.push(("content-length", reply.body.len().to_string()));
    }
    let Some(response) = head(reply.status, headers) else { return };
    let Ok(body) = response.body() else { return };
    let Ok(stream) = body.write() else { return };
    let mut open = Open { stream, body };
    let fits = open.stream.check_write().is_ok_and(|room| reply.body.len() as u64 <= room);
    if fits && open.stream.write(&reply.body).is_ok() {
        open.finish();
        ResponseOutparam::set(out, Ok(response));
        return;
    }
    ResponseOutparam::set(out, Ok(response));
    if open.write(&reply.body).is_ok() {
        open.finish();
    }
}

/// Sends pieces as they come. Returns when there are no more or the client has left; the latter drops
/// the rest.
pub fn stream(
    out: ResponseOutparam,
    headers: Vec<(&'static str, String)>,
    pieces: impl Iterator<Item = Piece>,
) {
    let Some(mut open) = open(out, 200, headers) else { return };
    let mut failed = None;
    for piece in pieces {
        if open.write(piece.bytes()).is_err() {
            return;
        }
        if let Piece::Failed(_, status) = piece {
            failed = Some(status);
        }
    }
    open.finish_with(failed.and_then(trailers));
}

fn trailers(status: u16) -> Option<Fields> {
    Fields::from_list(&[(STATUS.to_owned(), status.to_string().into_bytes())]).ok()
}

impl Piece {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) | Self::Failed(bytes, _) => bytes,
        }
    }
}

/// Sends the head of a response. None if the host takes none.
fn open(out: ResponseOutparam, status: u16, headers: Vec<(&'static str, String)>) -> Option<Open> {
    let response = head(status, headers)?;
    let body = response.body().ok()?;
    // Set first, written later: the host reads the body while it is written.
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().ok()?;
    Some(Open { stream, body })
}

fn head(status: u16, headers: Vec<(&'static str, String)>) -> Option<OutgoingResponse> {
    let entries: Vec<_> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
    let response = OutgoingResponse::new(Fields::from_list(&entries).ok()?);
    response.set_status_code(status).ok()?;
    Some(response)
}

impl Open {
    /// Writes, and sends it off. Fails when the client has left.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        bytes.chunks(WRITE_AT_ONCE).try_for_each(|piece| self.stream.blocking_write_and_flush(piece))
    }

    /// Ends the body properly; without this it reads as broken off.
    fn finish(self) {
        self.finish_with(None);
    }

    fn finish_with(self, trailers: Option<Fields>) {
        drop(self.stream);
        // Nothing can be told to anyone any more if this fails.
        let _ = OutgoingBody::finish(self.body, trailers);
    }
}
