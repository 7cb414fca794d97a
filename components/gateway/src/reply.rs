//! Whole replies. The only place that chooses a status, and what a client reads about a failure.
//!
//! Not here: sending (`response.rs`), event streams (`sse.rs`).

mod openai;
mod spin;

use serde::Serialize;

use crate::failure::Failure;
use crate::validate::Problem;
pub use openai::Error;

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// How a client expects to be told about failures.
#[derive(Clone, Copy)]
pub enum Dialect {
    /// `{"detail"}`, as FastAPI does.
    Detail,
    /// `{"error": {"message", "type", "param", "code"}}`, as OpenAI does.
    OpenAi,
    /// `{"error"}`, for Spin.
    Spin,
}

/// What stands under `detail` in the body of a refusal.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Detail {
    Text(String),
    Problems(Vec<Problem>),
}

#[derive(Serialize)]
struct Refusal {
    detail: Detail,
}

impl Dialect {
    /// The dialect of the interface that a path belongs to, the same as the host's own.
    pub fn of(path: &str) -> Self {
        match path {
            "/infer" | "/embed" => Self::Spin,
            path if path.starts_with("/v1/") => Self::OpenAi,
            _ => Self::Detail,
        }
    }
}

impl Reply {
    /// 200 with a JSON body.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(200, body)
    }

    /// 200 with what is written already; the headers say what it is.
    pub fn file(headers: Vec<(&'static str, String)>, body: &[u8]) -> Self {
        Self { status: 200, headers, body: body.to_vec() }
    }

    /// 304.
    pub fn not_modified(headers: Vec<(&'static str, String)>) -> Self {
        Self { status: 304, headers, body: Vec::new() }
    }

    /// 204.
    pub fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new() }
    }

    fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self { status, headers: vec![("content-type", JSON.to_owned())], body },
            // Our own types have string keys and finite numbers or none: this does not happen.
            Err(_) => Self { status: 500, headers: Vec::new(), body: Vec::new() },
        }
    }
}

const JSON: &str = "application/json";

/// Words that all dialects have for what is no part of an interface.
const NOT_OFFERED: &str = "This host offers its models to Spin only where the application's settings have a token: set \
                           spin_token under [apps.NAME.config], to the auth_token of Spin's [llm_compute].";
const UNAUTHORIZED: &str = "The bearer token is missing, or is not this application's spin_token.";

/// Words that all dialects have for what is nobody's mistake.
const LATE: &str = "The answer took too long.";
const DOWN: &str = "The service is not available right now. Try again later.";

fn busy(retry_after_ms: u32) -> String {
    format!("The service is busy. Try again in {} s.", seconds(retry_after_ms))
}

/// When to come back if a part of the service is down: about what a store takes to start again.
const RETRY_AFTER_SECONDS: u32 = 5;

impl Reply {
    pub fn refusal(failure: Failure, dialect: Dialect) -> Self {
        let status = status(&failure, dialect);
        let header = match &failure {
            Failure::MethodNotAllowed { allow } => Some(("allow", allow.clone())),
            Failure::Overloaded { retry_after_ms } => {
                Some(("retry-after", seconds(*retry_after_ms).to_string()))
            }
            Failure::Unavailable => Some(("retry-after", RETRY_AFTER_SECONDS.to_string())),
            Failure::Unauthorized => Some(("www-authenticate", "Bearer".to_owned())),
            _ => None,
        };
        let mut reply = match dialect {
            Dialect::Detail => Self::json(status, &Refusal { detail: Detail::from(failure) }),
            Dialect::OpenAi => Self::json(status, &Error::from(failure)),
            Dialect::Spin => Self::json(status, &spin::Error::from(failure)),
        };
        reply.headers.extend(header);
        reply
    }
}

/// The status with which a client is told of a failure.
pub fn status(failure: &Failure, dialect: Dialect) -> u16 {
    match (failure, dialect) {
        (Failure::Unreadable | Failure::ContextOverflow { .. } | Failure::Mistaken(_), _) => 400,
        (Failure::Refused(_), Dialect::OpenAi | Dialect::Spin) => 400,
        (Failure::Refused(_), Dialect::Detail) | (Failure::Invalid(_), _) => 422,
        (
            Failure::NotFound
            | Failure::SessionNotFound
            | Failure::DocumentNotFound
            | Failure::ModelNotFound { .. },
            _,
        ) => 404,
        (Failure::Unauthorized, _) => 401,
        (Failure::NotOffered, _) => 403,
        (Failure::MethodNotAllowed { .. }, _) => 405,
        (Failure::NotNewest { .. }, _) => 409,
        (Failure::TooLarge { .. }, _) => 413,
        (Failure::Overloaded { .. } | Failure::Unavailable, _) => 503,
        (Failure::Deadline, _) => 504,
    }
}

impl From<Failure> for Detail {
    fn from(failure: Failure) -> Self {
        Self::Text(match failure {
            Failure::NotFound => "Not Found".to_owned(),
            Failure::MethodNotAllowed { .. } => "Method Not Allowed".to_owned(),
            Failure::NotOffered => NOT_OFFERED.to_owned(),
            Failure::Unauthorized => UNAUTHORIZED.to_owned(),
            Failure::SessionNotFound => "Session not found".to_owned(),
            Failure::DocumentNotFound => "Document not found".to_owned(),
            Failure::ModelNotFound { .. } => "Model not found".to_owned(),
            Failure::NotNewest { number } => {
                format!("Turn {number} is not the newest of the session: read the session, and choose again")
            }
            Failure::Unreadable => "There was an error parsing the body".to_owned(),
            Failure::TooLarge { limit } => format!("Too large: the limit is {limit} bytes"),
            Failure::ContextOverflow { need, have } => {
                format!("The message is too long for the model: need {need} tokens, have {have}")
            }
            Failure::Overloaded { retry_after_ms } => busy(retry_after_ms),
            Failure::Deadline => LATE.to_owned(),
            Failure::Unavailable => DOWN.to_owned(),
            Failure::Mistaken(mistake) => mistake.message,
            Failure::Refused(reason) => return Self::Problems(vec![Problem::of_body(&reason)]),
            Failure::Invalid(problems) => return Self::Problems(problems),
        })
    }
}

/// Rounded up, at least one.
fn seconds(milliseconds: u32) -> u32 {
    milliseconds.div_ceil(1000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corral::chat::turns;
    use crate::corral::host::{sessions, vectors};

    fn refusal(failure: Failure) -> Reply {
        Reply::refusal(failure, Dialect::Detail)
    }

    #[test]
    fn every_failure_has_its_status_and_words() {
        let rows = [
            (Failure::NotFound, 404, r#"{"detail":"Not Found"}"#),
            (Failure::SessionNotFound, 404, r#"{"detail":"Session not found"}"#),
            (Failure::DocumentNotFound, 404, r#"{"detail":"Document not found"}"#),
            (Failure::from(turns::Error::NoSuchModel), 404, r#"{"detail":"Model not found"}"#),
            (Failure::Unreadable, 400, r#"{"detail":"There was an error parsing the body"}"#),
            (Failure::TooLarge { limit: 9 }, 413, r#"{"detail":"Too large: the limit is 9 bytes"}"#),
            (
                Failure::ContextOverflow { need: 3000, have: 2048 },
                400,
                r#"{"detail":"The message is too long for the model: need 3000 tokens, have 2048"}"#,
            ),
            (
                Failure::NotNewest { number: 3 },
                409,
                r#"{"detail":"Turn 3 is not the newest of the session: read the session, and choose again"}"#,
            ),
            (Failure::Deadline, 504, r#"{"detail":"The answer took too long."}"#),
        ];
        for (failure, status, body) in rows {
            let reply = refusal(failure);
            assert_eq!((reply.status, String::from_utf8(reply.body).unwrap().as_str()), (status, body));
            assert_eq!(reply.headers, [("content-type", JSON.to_owned())]);
        }
    }

    #[test]
    fn a_part_that_is_down_says_when_to_return() {
        for failure in [
            Failure::from(turns::Error::Unavailable),
            Failure::from(vectors::Error::Unavailable),
            Failure::from(sessions::Error::Unavailable),
        ] {
            let reply = refusal(failure);
            let body = r#"{"detail":"The service is not available right now. Try again later."}"#;
            assert_eq!((reply.status, String::from_utf8(reply.body).unwrap().as_str()), (503, body));
            assert!(reply.headers.contains(&("retry-after", "5".to_owned())));
        }
    }

    #[test]
    fn a_busy_service_says_when_to_return_in_whole_seconds() {
        for (milliseconds, header) in [(0, "1"), (1000, "1"), (1001, "2")] {
            let reply = refusal(Failure::from(turns::Error::Overloaded(milliseconds)));
            assert_eq!(reply.status, 503);
            assert!(reply.headers.contains(&("retry-after", header.to_owned())));
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let reply = refusal(Failure::MethodNotAllowed { allow: "GET".to_owned() });
        assert_eq!(reply.status, 405);
        assert!(reply.headers.contains(&("allow", "GET".to_owned())));
    }

    #[test]
    fn what_the_chat_logic_refuses_reads_like_a_validation_error() {
        let reply = refusal(Failure::from(turns::Error::InvalidArgument("stop is too long".to_owned())));
        assert_eq!(reply.status, 422);
        let expected = r#"{"detail":[{"type":"value_error","loc":["body"],"msg":"Value error, stop is too long","input":null,"ctx":{"error":{}}}]}"#;
        assert_eq!(String::from_utf8(reply.body).unwrap(), expected);
    }
}
