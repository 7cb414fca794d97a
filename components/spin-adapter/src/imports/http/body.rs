//! Bodies of requests and answers, piece by piece.

use super::{broken, wait};
use crate::wasi::{
    http::types::{IncomingBody, IncomingResponse, OutgoingBody},
    io::streams::{InputStream, StreamError},
};
use corral_spin_platform::http::{Body, Lost, Piece};
use std::time::{Duration, Instant};

/// How much is read at once.
const READ: u64 = 64 << 10;

/// Writes all of it.
pub fn write(body: OutgoingBody, bytes: &[u8], end: Instant) -> Result<(), Lost> {
    let stream = body.write().map_err(|()| broken("a body that was taken already"))?;
    let mut rest = bytes;
    while !rest.is_empty() {
        // A server that answers before it has read all, as one that refuses a token may, closes this side.
        let Ok(room) = stream.check_write() else { break };
        if room == 0 {
            if !wait(&stream.subscribe(), end) {
                return Err(Lost::Timeout);
            }
            continue;
        }
        let (now, later) = rest.split_at(rest.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
        if stream.write(now).is_err() {
            break;
        }
        rest = later;
    }
    let _ = stream.flush();
    drop(stream);
    // One that was not read to its end cannot be finished, and the answer says why.
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

/// What is left of an answer. Fields are dropped in this order: a stream is its body's, and a body its answer's.
pub struct Rest {
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
}

impl Rest {
    pub fn of(response: IncomingResponse) -> Result<Self, Lost> {
        let body = response.consume().map_err(|()| broken("an answer without a body"))?;
        let stream = body.stream().map_err(|()| broken("a body that was taken already"))?;
        Ok(Self { stream, _body: body, _response: response })
    }
}

impl Body for Rest {
    fn read(&mut self, within: Duration) -> Result<Piece, Lost> {
        let end = Instant::now() + within;
        loop {
            match self.stream.read(READ) {
                Ok(bytes) if bytes.is_empty() => {
                    if !wait(&self.stream.subscribe(), end) {
                        return Ok(Piece::Nothing);
                    }
                }
                Ok(bytes) => return Ok(Piece::Bytes(bytes)),
                Err(StreamError::Closed) => return Ok(Piece::End),
                Err(StreamError::LastOperationFailed(_)) => return Err(broken("the connection broke")),
            }
        }
    }
}
