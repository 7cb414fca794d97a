//! What a client of OpenAI's interface reads about a failure.

use serde::Serialize;

use super::{DOWN, LATE, NOT_OFFERED, UNAUTHORIZED, busy};
use crate::failure::Failure;
use crate::openai::Mistake;

/// The body of a refusal, and the data of the event that ends a stream which failed.
#[derive(Serialize)]
pub struct Error {
    error: Body,
}

#[derive(Serialize)]
struct Body {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<String>,
    code: Option<&'static str>,
}

const CLIENT: &str = "invalid_request_error";
const SERVER: &str = "server_error";

impl Error {
    /// The words alone.
    pub fn message(self) -> String {
        self.error.message
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let (kind, param, code, message) = match failure {
            Failure::Mistaken(Mistake { message, param, code }) => (CLIENT, param, code, message),
            Failure::Refused(reason) => (CLIENT, None, Some("invalid_value"), format!("Refused: {reason}.")),
            Failure::Invalid(_) => (CLIENT, None, None, "The request is not in order.".to_owned()),
            Failure::Unreadable => (CLIENT, None, None, UNREADABLE.to_owned()),
            Failure::NotFound => (CLIENT, None, None, UNKNOWN_URL.to_owned()),
            Failure::MethodNotAllowed { allow } => {
                (CLIENT, None, Some("method_not_supported"), format!("Only {allow} requests are accepted."))
            }
            Failure::NotOffered => (CLIENT, None, Some("not_offered"), NOT_OFFERED.to_owned()),
            Failure::Unauthorized => (CLIENT, None, Some("invalid_api_key"), UNAUTHORIZED.to_owned()),
            Failure::SessionNotFound => {
                (CLIENT, None, Some("session_not_found"), "There is no such session.".to_owned())
            }
            Failure::DocumentNotFound => {
                (CLIENT, None, Some("document_not_found"), "There is no such document.".to_owned())
            }
            Failure::NotNewest { .. } => {
                (CLIENT, None, Some("turn_not_newest"), "The session has gone on.".to_owned())
            }
            Failure::ModelNotFound { model } => {
                (CLIENT, Some("model".to_owned()), Some("model_not_found"), no_model(model.as_deref()))
            }
            // Where it is known what is too long, it is a mistake already.
            Failure::ContextOverflow { need, have } => {
                let Mistake { message, param, code } = Mistake::too_long("messages", need, have);
                (CLIENT, param, code, message)
            }
            Failure::TooLarge { limit } => (
                CLIENT,
                None,
                Some("too_large"),
                format!("The request is too large: the limit is {limit} bytes."),
            ),
            Failure::Overloaded { retry_after_ms } => {
                (SERVER, None, Some("overloaded"), busy(retry_after_ms))
            }
            Failure::Deadline => (SERVER, None, Some("timeout"), LATE.to_owned()),
            Failure::Unavailable => (SERVER, None, Some("unavailable"), DOWN.to_owned()),
        };
        Self { error: Body { message, kind, param, code } }
    }
}

const UNREADABLE: &str =
    "We could not parse the JSON body of your request: it breaks off, is no UTF-8, or is nested too deep.";
const UNKNOWN_URL: &str = "Invalid URL: there is no such route. /openapi.json describes all routes.";

fn no_model(name: Option<&str>) -> String {
    let name = name.map_or_else(String::new, |name| format!(" `{}`", crate::openai::excerpt(name)));
    format!("The model{name} does not exist, or cannot do what was asked. GET /v1/models lists the models.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::{Dialect, Reply};

    #[test]
    fn every_failure_has_its_status_type_param_code_and_words() {
        let mistake = Mistake::unknown("foo");
        let model = Some("gpt-4".to_owned());
        for (failure, status, kind, param, code, words) in [
            (Failure::Mistaken(mistake), 400, CLIENT, Some("foo"), Some("unknown_parameter"), "'foo'"),
            (Failure::Refused("no".to_owned()), 400, CLIENT, None, Some("invalid_value"), "Refused: no."),
            (Failure::Unreadable, 400, CLIENT, None, None, "could not parse the JSON body"),
            (Failure::NotFound, 404, CLIENT, None, None, "Invalid URL"),
            (Failure::SessionNotFound, 404, CLIENT, None, Some("session_not_found"), "no such session"),
            (Failure::DocumentNotFound, 404, CLIENT, None, Some("document_not_found"), "no such document"),
            (Failure::NotNewest { number: 3 }, 409, CLIENT, None, Some("turn_not_newest"), "has gone on"),
            (
                Failure::ModelNotFound { model },
                404,
                CLIENT,
                Some("model"),
                Some("model_not_found"),
                "The model `gpt-4` does not exist",
            ),
            (
                Failure::ModelNotFound { model: None },
                404,
                CLIENT,
                Some("model"),
                Some("model_not_found"),
                "The model does not exist",
            ),
            (
                Failure::MethodNotAllowed { allow: "POST".to_owned() },
                405,
                CLIENT,
                None,
                Some("method_not_supported"),
                "Only POST requests are accepted.",
            ),
            (
                Failure::ContextOverflow { need: 3000, have: 2047 },
                400,
                CLIENT,
                Some("messages"),
                Some("context_length_exceeded"),
                "maximum context length leaves room for 2047 prompt tokens. However, your messages resulted in 3000",
            ),
            (Failure::TooLarge { limit: 9 }, 413, CLIENT, None, Some("too_large"), "9 bytes"),
            (Failure::Overloaded { retry_after_ms: 1500 }, 503, SERVER, None, Some("overloaded"), "in 2 s"),
            (Failure::Unavailable, 503, SERVER, None, Some("unavailable"), "not available"),
            (Failure::Deadline, 504, SERVER, None, Some("timeout"), "too long"),
        ] {
            let reply = Reply::refusal(failure, Dialect::OpenAi);
            let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            let error = &body["error"];
            assert_eq!(reply.status, status, "{body}");
            assert_eq!((error["type"].as_str(), error["param"].as_str()), (Some(kind), param), "{body}");
            assert_eq!(error["code"].as_str(), code, "{body}");
            assert!(error["message"].as_str().unwrap().contains(words), "{body}");
            assert_eq!(error.as_object().unwrap().len(), 4);
            let retry = reply.headers.iter().any(|(name, _)| *name == "retry-after");
            assert_eq!(retry, status == 503);
        }
    }

    #[test]
    fn a_path_has_the_dialect_of_its_interface() {
        for (path, openai) in
            [("/v1/models", true), ("/v1/nowhere", true), ("/v10", false), ("/api/v1/chat", false)]
        {
            assert_eq!(matches!(Dialect::of(path), Dialect::OpenAi), openai, "{path}");
        }
    }
}
