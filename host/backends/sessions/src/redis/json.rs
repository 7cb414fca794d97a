//! The parts of a JSON text as they are written, so that what is not understood survives to the byte.
//!
//! A number of twenty digits, or the order of keys, would not survive a trip through `serde_json::Value`.
//! Also takes what Python writes and JSON does not have: `NaN`, `Infinity`, and half a surrogate pair in a string.
//! Not here: what the parts mean (`document.rs`).

use serde::de::IgnoredAny;
use std::{borrow::Cow, collections::BTreeMap};

/// Where a text stops being what was expected. Tells nothing of the content.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected} at byte {at}")]
pub struct Malformed {
    expected: &'static str,
    at: usize,
}

/// The members of the object that the text is, in their order; of a key that occurs twice the last one.
pub fn members(text: &str) -> Result<Vec<(String, &str)>, Malformed> {
    let mut members: Vec<(String, &str)> = Vec::new();
    let mut places = BTreeMap::new();
    let mut reader = Reader::of(text);
    reader.separator(b'{', "an object")?;
    if !reader.is_next(b'}') {
        loop {
            let key = reader.key()?;
            reader.separator(b':', "a colon")?;
            let value = reader.value()?;
            if let Some(member) = places.get(&key).and_then(|place: &usize| members.get_mut(*place)) {
                member.1 = value;
            } else {
                places.insert(key.clone(), members.len());
                members.push((key, value));
            }
            if !reader.is_next(b',') {
                break;
            }
        }
        reader.separator(b'}', "the end of an object")?;
    }
    reader.end()?;
    Ok(members)
}

/// The elements of the array that the text is.
pub fn elements(text: &str) -> Result<Vec<&str>, Malformed> {
    let mut elements = Vec::new();
    let mut reader = Reader::of(text);
    reader.separator(b'[', "an array")?;
    if !reader.is_next(b']') {
        loop {
            elements.push(reader.value()?);
            if !reader.is_next(b',') {
                break;
            }
        }
        reader.separator(b']', "the end of an array")?;
    }
    reader.end()?;
    Ok(elements)
}

/// The string that the text is. Half a surrogate pair, which no string can hold, counts as U+FFFD.
pub fn string(text: &str) -> Option<String> {
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&without_halves(text))).ok()
}

/// The text of a string.
pub fn quoted(string: &str) -> String {
    serde_json::Value::from(string).to_string()
}

struct Reader<'a> {
    text: &'a str,
    /// As long as the text, and in its places.
    standard: Cow<'a, str>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, standard: with_strings_for_numbers(text), at: 0 }
    }

    fn skip_space(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    /// Steps over the byte if it comes next.
    fn is_next(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_next = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn separator(&mut self, byte: u8, expected: &'static str) -> Result<(), Malformed> {
        if self.is_next(byte) { Ok(()) } else { Err(Malformed { expected, at: self.at }) }
    }

    fn key(&mut self) -> Result<String, Malformed> {
        let at = self.at;
        string(self.value()?).ok_or(Malformed { expected: "a key", at })
    }

    fn value(&mut self) -> Result<&'a str, Malformed> {
        self.skip_space();
        let rest = self.standard.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let read = matches!(values.next(), Some(Ok(_)));
        let end = self.at + values.byte_offset();
        let Some(value) = self.text.get(self.at..end).filter(|_| read) else {
            return Err(Malformed { expected: "a value", at: end });
        };
        self.at = end;
        Ok(value)
    }

    fn end(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(Malformed { expected: "the end", at: self.at }) }
    }
}

/// The text with a string of the same length in place of each number that JSON does not have.
fn with_strings_for_numbers(text: &str) -> Cow<'_, str> {
    const NUMBERS: [(&str, &[u8]); 3] =
        [("NaN", b"\"N\""), ("Infinity", b"\"Infini\""), ("-Infinity", b"\"-Infini\"")];
    if !text.contains("NaN") && !text.contains("Infinity") {
        return Cow::Borrowed(text);
    }
    let mut standard = text.as_bytes().to_vec();
    let (mut at, mut is_quoted) = (0, false);
    while let Some(byte) = text.as_bytes().get(at) {
        let starts = |name: &str| text.get(at..).is_some_and(|rest| rest.starts_with(name));
        let number = NUMBERS.iter().find(|(name, _)| !is_quoted && starts(name));
        match (byte, number.and_then(|(_, string)| Some((standard.get_mut(at..at + string.len())?, string))))
        {
            (_, Some((place, string))) => {
                place.copy_from_slice(string);
                at += string.len() - 1;
            }
            (b'"', None) => is_quoted = !is_quoted,
            // What follows neither begins nor ends a string.
            (b'\\', None) => at += 1,
            _ => {}
        }
        at += 1;
    }
    String::from_utf8(standard).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The text with U+FFFD in place of each half of a surrogate pair without the other one.
fn without_halves(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        let length = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(_), _) => 6,
            (None, _) => escape.chars().take(2).map(char::len_utf8).sum(),
        };
        let (escape, after) = escape.split_at(length);
        let is_half = length == 6 && matches!(unit(escape), Some(0xD800..=0xDFFF));
        whole.extend([before, if is_half { "\u{FFFD}" } else { escape }]);
        rest = after;
    }
    whole + rest
}

/// The UTF-16 unit whose escape the text begins with.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_as_they_are_written() {
        let text = r#" { "a" : 1 , "b\n":{"x":[1, 2]},"a":"\u00e9 \"}" } "#;
        let members = members(text).unwrap();
        let expected = [("a", r#""\u00e9 \"}""#), ("b\n", r#"{"x":[1, 2]}"#)];
        assert_eq!(members, expected.map(|(key, value)| (key.to_owned(), value)));
        assert_eq!(
            super::members(r#"{"a":12345678901234567890.50}"#).unwrap()[0].1,
            "12345678901234567890.50"
        );
        assert_eq!(super::members("{}").unwrap(), []);
    }

    #[test]
    fn elements_come_as_they_are_written() {
        assert_eq!(
            elements("[1,[2, 3],null , {\"a\":1e2}]").unwrap(),
            ["1", "[2, 3]", "null", "{\"a\":1e2}"]
        );
        assert_eq!(elements(" [ ] ").unwrap(), [""; 0]);
    }

    #[test]
    fn numbers_that_only_python_has_come_as_they_are_written() {
        let text = r#"{"a":NaN,"\"NaN":[1,-Infinity ,{"b":Infinity}],"NaN":"\\\"NaN"}"#;
        let expected = [("a", "NaN"), ("\"NaN", r#"[1,-Infinity ,{"b":Infinity}]"#), ("NaN", r#""\\\"NaN""#)];
        assert_eq!(members(text).unwrap(), expected.map(|(key, value)| (key.to_owned(), value)));
        for text in ["{NaN:1}x", "{\"a\":1NaN}", "{\"a\":NaNNaN}", "{\"a\":--Infinity}", "{\"a\":Nan}"] {
            members(text).unwrap_err();
        }
    }

    #[test]
    fn half_a_surrogate_pair_counts_as_a_replacement_character() {
        for (text, expected) in [
            (r#""\ud83d""#, "\u{FFFD}"),
            (r#""\udc0e\ud83d\ud83d\udc0e!""#, "\u{FFFD}\u{FFFD}\u{1F40E}!"),
            (r#""\\ud83d \"é\u00e9\ud83d""#, "\\ud83d \"éé\u{FFFD}"),
        ] {
            assert_eq!(string(text).as_deref(), Some(expected));
        }
        for text in [r#""\ud83""#, r#""\"#, r#""\é""#, r#""\uédéd""#] {
            assert_eq!(string(text), None);
        }
    }

    #[test]
    fn what_is_not_json_is_refused_and_not_shown() {
        for text in [
            "",
            "{",
            "{}x",
            "[]",
            "{\"secret\"}",
            "{\"secret\":}",
            "{secret:1}",
            "{\"a\":1,}",
            "{1:2}",
            "nul",
        ] {
            let malformed = members(text).unwrap_err();
            assert!(!malformed.to_string().contains("secret"), "{malformed}");
        }
        for text in ["", "[", "[1", "[1,]", "[1 2]", "[]]", "{}", "[01]", "[\"\u{1}\"]"] {
            elements(text).unwrap_err();
        }
        let deep = "[".repeat(100_000);
        elements(&deep).unwrap_err();
    }
}
