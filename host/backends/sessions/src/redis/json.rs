//! The parts of a JSON text as they are written, so that what is not understood survives to the byte.
//!
//! A number of twenty digits, or the order of keys, would not survive a trip through `serde_json::Value`.
//! Not here: what the parts mean (`document.rs`).

use serde::de::IgnoredAny;
use std::collections::BTreeMap;

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
    let mut reader = Reader { text, at: 0 };
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
    let mut reader = Reader { text, at: 0 };
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

/// The string that the text is.
pub fn string(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

/// The text of a string.
pub fn quoted(string: &str) -> String {
    serde_json::Value::from(string).to_string()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
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
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let read = matches!(values.next(), Some(Ok(_)));
        let Some(value) = rest.get(..values.byte_offset()).filter(|_| read) else {
            return Err(Malformed { expected: "a value", at: self.at + values.byte_offset() });
        };
        self.at += value.len();
        Ok(value)
    }

    fn end(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(Malformed { expected: "the end", at: self.at }) }
    }
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
