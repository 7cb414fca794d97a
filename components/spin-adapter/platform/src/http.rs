//! Requests over HTTP, the shape of `wasi:http/outgoing-handler`.

use std::time::Duration;

/// Sends requests.
pub trait Http: Send + Sync {
    /// Sends the request and waits for the answer's head, for `within` at most.
    ///
    /// Redirections are not followed.
    fn send(&self, request: &Request<'_>, within: Duration) -> Result<Answer, Lost>;
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// How.
    pub method: Method,
    /// Where, with the scheme `http` or `https`.
    pub url: &'a str,
    /// Names in lower case.
    pub headers: &'a [(&'a str, String)],
    /// The body; empty is none.
    pub body: &'a [u8],
}

/// The methods that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
}

/// An answer whose head has come. Dropping it ends the exchange.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case; values that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The rest of it.
    pub body: Box<dyn Body>,
}

/// The body of an answer, as it comes.
pub trait Body {
    /// What there is, of any size above zero; waits for it, for `within` at most.
    fn read(&mut self, within: Duration) -> Result<Piece, Lost>;
}

/// What reading a body gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Some of it.
    Bytes(Vec<u8>),
    /// Nothing new in the time.
    Nothing,
    /// Its end.
    End,
}

/// Why there is no answer. It names neither what was sent nor the whole address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// No answer in the time.
    #[error("no answer in time")]
    Timeout,
    /// No connection, or one that broke. Spin's `allowed_outbound_hosts` may forbid it.
    #[error("{0}")]
    Broken(String),
}

impl Answer {
    /// The value of a header; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}
