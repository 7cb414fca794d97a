//! Puts responses on the wire.
//!
//! Not here: what they say (`reply.rs`, `sse.rs`).

use crate::reply::Reply;
use crate::wasi::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use crate::wasi::io::streams::{OutputStream, StreamError};

/// The most that one write may carry (`wasi:io/streams`).
const WRITE_AT_ONCE: usize = 4096;

/// A response whose head is sent and whose body is being written.
pub struct Open {
    // Invariant: the stream is dropped before its body.
    stream: OutputStream,
    body: OutgoingBody,
}

/// Sends a whole reply.
pub fn send(out: ResponseOutparam, reply: Reply) {
    let mut headers = reply.headers;
    if !reply.body.is_empty() {
        headers.push(("content-length", reply.body.len().to_string()));
    }
    if let Some(mut open) = open(out, reply.status, headers)
        && open.write(&reply.body).is_ok()
    {
        open.finish();
    }
}

/// Sends the head of a response. None if the host takes none.
pub fn open(out: ResponseOutparam, status: u16, headers: Vec<(&'static str, String)>) -> Option<Open> {
    let entries: Vec<_> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
    let response = OutgoingResponse::new(Fields::from_list(&entries).ok()?);
    response.set_status_code(status).ok()?;
    let body = response.body().ok()?;
    // Set first, written later: the host reads the body while it is written.
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().ok()?;
    Some(Open { stream, body })
}

impl Open {
    /// Writes, and sends it off. Fails when the client has left.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        bytes.chunks(WRITE_AT_ONCE).try_for_each(|piece| self.stream.blocking_write_and_flush(piece))
    }

    /// Ends the body properly; without this it reads as broken off.
    pub fn finish(self) {
        drop(self.stream);
        // Nothing can be told to anyone any more if this fails.
        let _ = OutgoingBody::finish(self.body, None);
    }
}
