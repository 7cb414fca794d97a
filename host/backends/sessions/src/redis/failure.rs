//! What the servers' and the library's errors are to a caller.
//!
//! Never says what is stored: answers that cannot be understood are not quoted.

use super::document::Unreadable;
use crate::Error;
use redis::{ErrorKind, RedisError};

/// Of the server's words.
const LONGEST: usize = 200;

/// The cause names what was asked for: a key, or a task.
pub fn unavailable(of: &str, error: &RedisError) -> Error {
    Error::Unavailable(format!("{of}: {}", words(error)))
}

pub fn unreadable(key: &str, cause: &Unreadable) -> Error {
    Error::Unavailable(format!("{key}: {cause}"))
}

/// Whether the server says what is wrong with what is under a key, and not with itself.
pub fn is_of_the_key(error: &RedisError) -> bool {
    matches!(error.code(), Some("WRONGTYPE" | "TOOLONG"))
}

/// What is wrong, in the server's words where there are some.
pub fn words(error: &RedisError) -> String {
    match error.kind() {
        // These quote what the server sent.
        ErrorKind::UnexpectedReturnType | ErrorKind::Parse => {
            "the server's answer has an unknown form".to_owned()
        }
        ErrorKind::Server(_) | ErrorKind::Extension => {
            let (code, detail) = (error.code().unwrap_or("error"), error.detail().unwrap_or_default());
            // What follows there are the arguments.
            let detail = detail.split("with args beginning with").next().unwrap_or_default();
            format!("{code} {detail}").trim_end().chars().take(LONGEST).collect()
        }
        _ => error.to_string(),
    }
}
