//! What Spin, and who reads its logs, is told about a failure.

use serde::Serialize;

use super::openai;
use crate::failure::Failure;

/// The body of a refusal.
#[derive(Serialize)]
pub struct Error {
    error: String,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self {
            error: match failure {
                Failure::ContextOverflow { need, have } => {
                    format!("The prompt has {need} tokens, and the model has room for {have}.")
                }
                // What is sent is in JSON as at OpenAI, and checked by the same words.
                other => openai::Error::from(other).message(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::Mistake;
    use crate::reply::{Dialect, Reply};

    #[test]
    fn every_failure_has_its_status_and_a_text() {
        for (failure, status, words) in [
            (Failure::Mistaken(Mistake::missing("prompt")), 400, "Missing required parameter: 'prompt'."),
            (Failure::Refused("no".to_owned()), 400, "Refused: no."),
            (Failure::ContextOverflow { need: 9, have: 5 }, 400, "The prompt has 9 tokens"),
            (Failure::Unauthorized, 401, "The bearer token is missing"),
            (Failure::NotOffered, 403, "set spin_token under [apps.NAME.config]"),
            (Failure::ModelNotFound { model: Some("x".to_owned()) }, 404, "The model `x` does not exist"),
            (Failure::MethodNotAllowed { allow: "POST".to_owned() }, 405, "Only POST"),
            (Failure::TooLarge { limit: 9 }, 413, "9 bytes"),
            (Failure::Overloaded { retry_after_ms: 1500 }, 503, "in 2 s"),
            (Failure::Unavailable, 503, "not available"),
            (Failure::Deadline, 504, "too long"),
        ] {
            let reply = Reply::refusal(failure, Dialect::of("/infer"));
            let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(reply.status, status, "{body}");
            assert!(body["error"].as_str().unwrap().contains(words), "{body}");
            assert_eq!(body.as_object().unwrap().len(), 1);
            let header = |wanted| reply.headers.iter().any(|(name, _)| *name == wanted);
            assert_eq!(header("retry-after"), status == 503);
            assert_eq!(header("www-authenticate"), status == 401);
        }
    }
}
