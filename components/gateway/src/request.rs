//! Reads requests off the wire: target, the few headers that matter, and the body up to a bound.
//!
//! Not here: what any of it means (`route.rs`, `query.rs`, `validate.rs`).

use crate::assets::Conditions;
use crate::failure::Failure;
use crate::wasi::http::types::{ErrorCode, Fields, IncomingRequest, Method, http_error_code};
use crate::wasi::io::streams::StreamError;

/// The most that a body may have. The host has its own limit, in its settings; this one keeps what
/// becomes of a body, some ten times its size, within the memory of a component.
pub const MAX_BODY: usize = 2 << 20;

const READ_AT_ONCE: u64 = 64 << 10;

pub struct Request {
    pub method: String,
    pub path: String,
    query: Option<String>,
    incoming: IncomingRequest,
}

/// What a request carries for its endpoint to validate.
#[derive(Default)]
pub struct Input {
    pub content_type: Option<String>,
    /// The page of a browser that sends it, if one does.
    pub origin: Option<String>,
    pub idempotency_key: Option<String>,
    /// Names the session that the request is a turn of, where a body has no place for it.
    pub session: Option<String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(incoming: IncomingRequest) -> Self {
        let target = incoming.path_with_query().unwrap_or_default();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (target, None),
        };
        Self { method: method_name(incoming.method()), path, query, incoming }
    }

    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Whether a client has a file already, and whether it wants its body.
    pub fn conditions(&self) -> Conditions {
        let headers = self.incoming.headers();
        Conditions {
            if_none_match: first(&headers, "if-none-match"),
            body: self.method != "HEAD",
            prefix: first(&headers, "x-forwarded-prefix"),
        }
    }

    /// The credentials that came with it.
    pub fn authorization(&self) -> Option<String> {
        self.header("authorization")
    }

    /// Headers and the whole body.
    pub fn input(&self) -> Result<Input, Failure> {
        let header = |name: &str| self.header(name);
        let announced = header("content-length").and_then(|length| length.parse::<u64>().ok());
        Ok(Input {
            content_type: header("content-type"),
            origin: header("origin"),
            idempotency_key: header("idempotency-key"),
            session: header("x-session-id"),
            body: self.body(announced.unwrap_or(0))?,
        })
    }

    fn header(&self, name: &str) -> Option<String> {
        first(&self.incoming.headers(), name)
    }

    fn body(&self, announced: u64) -> Result<Vec<u8>, Failure> {
        let room = usize::try_from(announced).ok().filter(|length| *length <= MAX_BODY).ok_or(TOO_LARGE)?;
        // Both fail only where they were called before.
        let Ok(body) = self.incoming.consume() else { return Err(Failure::Unreadable) };
        let Ok(stream) = body.stream() else { return Err(Failure::Unreadable) };
        let mut bytes = Vec::with_capacity(room);
        loop {
            match stream.blocking_read(READ_AT_ONCE) {
                Ok(read) => bytes.extend_from_slice(&read),
                Err(StreamError::Closed) => return Ok(bytes),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(match http_error_code(&error) {
                        Some(ErrorCode::HttpRequestBodySize(limit)) => {
                            Failure::TooLarge { limit: limit.unwrap_or(MAX_BODY as u64) }
                        }
                        Some(ErrorCode::ConnectionReadTimeout) => Failure::Deadline,
                        _ => Failure::Unreadable,
                    });
                }
            }
            if bytes.len() > MAX_BODY {
                return Err(TOO_LARGE);
            }
        }
    }
}

/// The first of the headers of that name.
fn first(headers: &Fields, name: &str) -> Option<String> {
    let first = headers.get(name).into_iter().next()?;
    Some(String::from_utf8_lossy(&first).into_owned())
}

const TOO_LARGE: Failure = Failure::TooLarge { limit: MAX_BODY as u64 };

fn method_name(method: Method) -> String {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    }
    .to_owned()
}
