//! Reads what is encoded in a request's target: percent signs, and query parameters.
//!
//! Not here: paths (`route.rs`).

use serde_json::Value;

use crate::failure::Failure;
use crate::validate::Checker;

/// The parameter `session_id`, which every request on documents needs.
pub fn session_id(query: Option<&str>) -> Result<String, Failure> {
    let mut check = Checker::new();
    let id = parameter(query.unwrap_or_default(), "session_id").or_else(|| {
        check.within("query", |check| check.within("session_id", |check| check.missing(&Value::Null)))
    });
    check.finish(id)
}

/// The bytes that `%41` and the like stand for. What is no such code stays; what is no UTF-8 is
/// replaced.
pub fn percent_decode(encoded: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The last value of that name.
fn parameter(query: &str, name: &str) -> Option<String> {
    let decode = |text: &str| percent_decode(text.replace('+', " ").as_bytes());
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .rfind(|(key, _)| decode(key) == name)
        .map(|(_, value)| decode(value))
}

/// The value of an ASCII hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_and_a_plus_is_a_space() {
        assert_eq!(parameter("a=1&b=2&a=x+y%2B%C3%A9", "a").as_deref(), Some("x y+é"));
        assert_eq!(parameter("a", "a").as_deref(), Some(""));
        assert_eq!(parameter("b=1", "a"), None);
    }

    #[test]
    fn broken_codes_stay_as_they_are() {
        assert_eq!(percent_decode(b"%zz%2%"), "%zz%2%");
        assert_eq!(percent_decode(b"%ff"), "\u{fffd}");
    }
}
