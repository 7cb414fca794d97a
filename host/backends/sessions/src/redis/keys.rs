//! How the keys are called.
//!
//! Not here: what is under them (`document.rs`, `scripts.rs`).

use crate::Error;

/// What follows the prefix in the key of the index, and thus the one id that no session can have.
const INDEX: &str = "expiry";
const ID_BYTES: usize = 128;
const PREFIX_BYTES: usize = 128;

/// Names the keys of one prefix.
#[derive(Debug, Clone)]
pub struct Names {
    prefix: String,
}

/// The keys of one session. A cluster keeps both in one slot, because of the braces.
#[derive(Debug)]
pub struct Keys {
    pub document: String,
    pub turns: String,
}

impl Names {
    /// Braces would put a session's two keys into different slots.
    pub fn new(prefix: &str) -> Result<Self, Error> {
        if prefix.is_empty() || prefix.len() > PREFIX_BYTES || prefix.contains(['{', '}']) {
            return Err(Error::InvalidArgument(format!(
                "sessions.redis.prefix: expected 1 to {PREFIX_BYTES} bytes without braces"
            )));
        }
        Ok(Self { prefix: prefix.to_owned() })
    }

    /// None for an id that no session has, so that nothing a client sends becomes part of a key that is
    /// not a session's.
    pub fn session(&self, id: &str) -> Option<Keys> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        let is_id = (1..=ID_BYTES).contains(&id.len()) && id.bytes().all(plain) && id != INDEX;
        is_id.then(|| {
            let document = format!("{}{id}", self.prefix);
            Keys { turns: format!("turns:{{{document}}}"), document }
        })
    }

    /// A sorted set of session ids by the time at which they expire, milliseconds since 1970.
    pub fn index(&self) -> String {
        format!("{}{INDEX}", self.prefix)
    }

    /// What `SCAN` has to match to find the documents, and maybe other keys.
    pub fn pattern(&self) -> String {
        let mut pattern = String::new();
        for character in self.prefix.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '^' | '-' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('*');
        pattern
    }

    /// The id of the session whose document is under this key.
    pub fn id<'a>(&self, key: &'a str) -> Option<&'a str> {
        let id = key.strip_prefix(&self.prefix)?;
        self.session(id).map(|_| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_two_keys_in_one_slot() {
        let keys = Names::new("session:").unwrap().session("abc-1").unwrap();
        assert_eq!(keys.document, "session:abc-1");
        assert_eq!(keys.turns, "turns:{session:abc-1}");
    }

    #[test]
    fn an_id_that_no_session_has_names_no_key() {
        let names = Names::new("session:").unwrap();
        for id in ["", "expiry", "*", "a}b", "{a", "a b", "ä", "a\0", &"x".repeat(129)] {
            assert!(names.session(id).is_none(), "{id}");
        }
        assert_eq!(names.id("session:abc"), Some("abc"));
        for key in ["session:expiry", "turns:{session:abc}", "abc", "session:"] {
            assert_eq!(names.id(key), None, "{key}");
        }
    }

    #[test]
    fn a_prefix_matches_as_it_is_written() {
        assert_eq!(Names::new("a*[b]?\\:").unwrap().pattern(), "a\\*\\[b\\]\\?\\\\:*");
        for refused in ["", "{a}:", &"p".repeat(129)] {
            let error = Names::new(refused).unwrap_err().to_string();
            assert!(error.contains("sessions.redis.prefix"), "{error}");
        }
    }
}
