//! Reads JSON text, and says what is wrong with it in the words and at the place that Python's
//! `json` module says it, which clients of the former server know.
//!
//! One pass looks for flaws and keeps count, without building anything; serde_json then builds.
//! Refused although Python reads them: NaN, infinities, lone surrogates, deep or vast documents.
//! Not here: whether the value is the right one (`validate.rs`).

pub mod member;

use serde_json::Value;

/// Arrays and objects within each other; serde_json itself stops at 127.
const MAX_DEPTH: u32 = 100;
/// A value takes up to 32 bytes of memory for as few as two bytes of text.
const MAX_VALUES: u32 = 100_000;

#[derive(Debug, PartialEq)]
pub enum Flaw {
    /// Counted in characters.
    At { position: usize, message: &'static str },
    /// No UTF-8, or beyond our bounds.
    Unreadable,
}

/// The value that the text stands for. Of equal keys the last one counts.
pub fn parse(bytes: &[u8]) -> Result<Value, Flaw> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Err(Flaw::Unreadable) };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Scanner::new(text).document().map_err(|stop| stop.flaw(text))?;
    serde_json::from_str(text).or(Err(Flaw::Unreadable))
}

struct Scanner<'t> {
    bytes: &'t [u8],
    at: usize,
    values: u32,
    /// What Python takes and we do not: told only if nothing else is wrong.
    refused: Option<Stop>,
}

/// Where scanning ends, in bytes.
#[derive(Clone, Copy)]
enum Stop {
    At(usize, &'static str),
    TooMuch,
}

const VALUE: &str = "Expecting value";
const COMMA: &str = "Expecting ',' delimiter";
const COLON: &str = "Expecting ':' delimiter";
const NAME: &str = "Expecting property name enclosed in double quotes";
const UNTERMINATED: &str = "Unterminated string starting at";
const CONTROL: &str = "Invalid control character at";
const ESCAPE: &str = "Invalid \\escape";
const UNICODE: &str = "Invalid \\uXXXX escape";
const EXTRA: &str = "Extra data";
const RANGE: &str = "Number out of range";

impl Stop {
    fn flaw(self, text: &str) -> Flaw {
        match self {
            Self::At(byte, message) => {
                let before = text.as_bytes().get(..byte).unwrap_or(text.as_bytes());
                // Every byte of UTF-8 that does not continue a character begins one.
                let position = before.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
                Flaw::At { position, message }
            }
            Self::TooMuch => Flaw::Unreadable,
        }
    }
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, values: 0, refused: None }
    }

    fn document(mut self) -> Result<(), Stop> {
        self.space();
        self.value(0)?;
        self.space();
        if self.at < self.bytes.len() {
            return Err(Stop::At(self.at, EXTRA));
        }
        self.refused.map_or(Ok(()), Err)
    }

    fn value(&mut self, depth: u32) -> Result<(), Stop> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(Stop::TooMuch);
        }
        let start = self.at;
        match self.peek() {
            Some(b'"') => return self.string(),
            Some(b'{') => return self.object(depth),
            Some(b'[') => return self.array(depth),
            _ => {}
        }
        if ["null", "true", "false"].iter().any(|word| self.take(word)) {
            return Ok(());
        }
        if ["NaN", "Infinity", "-Infinity"].iter().any(|word| self.take(word)) {
            self.refuse(start, VALUE);
            return Ok(());
        }
        self.number()
    }

    fn object(&mut self, depth: u32) -> Result<(), Stop> {
        self.at += 1;
        self.space();
        if self.take("}") {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Stop::At(self.at, NAME));
            }
            self.string()?;
            self.space();
            self.expect(":", COLON)?;
            self.space();
            self.value(depth + 1)?;
            self.space();
            if self.take("}") {
                return Ok(());
            }
            self.expect(",", COMMA)?;
            self.space();
        }
    }

    fn array(&mut self, depth: u32) -> Result<(), Stop> {
        self.at += 1;
        self.space();
        if self.take("]") {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            self.space();
            if self.take("]") {
                return Ok(());
            }
            self.expect(",", COMMA)?;
            self.space();
        }
    }

    fn string(&mut self) -> Result<(), Stop> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(Stop::At(start, UNTERMINATED)),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape(start)?,
                Some(0..=0x1f) => return Err(Stop::At(self.at, CONTROL)),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self, string: usize) -> Result<(), Stop> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            None => Err(Stop::At(string, UNTERMINATED)),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => self.unicode(),
            Some(_) => Err(Stop::At(start, ESCAPE)),
        }
    }

    /// From the `u` on: one code unit, or two that make one character.
    fn unicode(&mut self) -> Result<(), Stop> {
        let start = self.at;
        let first = self.code_unit()?;
        match first {
            0xd800..=0xdbff if self.bytes[self.at..].starts_with(b"\\u") => {
                let between = self.at;
                self.at += 1;
                if !(0xdc00..=0xdfff).contains(&self.code_unit()?) {
                    self.at = between;
                    self.refuse(start, UNICODE);
                }
            }
            0xd800..=0xdfff => self.refuse(start, UNICODE),
            _ => {}
        }
        Ok(())
    }

    fn code_unit(&mut self) -> Result<u32, Stop> {
        let wrong = Stop::At(self.at, UNICODE);
        // Python wants to see that the string goes on after the digits.
        let [_, digits @ .., _] = self.bytes.get(self.at..self.at + 6).ok_or(wrong)? else {
            return Err(wrong);
        };
        let unit = digits
            .iter()
            .try_fold(0, |unit, digit| char::from(*digit).to_digit(16).map(|digit| unit << 4 | digit));
        self.at += 5;
        unit.ok_or(wrong)
    }

    fn number(&mut self) -> Result<(), Stop> {
        let start = self.at;
        self.take("-");
        if !self.take("0") && self.digits() == 0 {
            return Err(Stop::At(start, VALUE));
        }
        let whole = self.at;
        if self.take(".") && self.digits() == 0 {
            self.at = whole;
        }
        let mantissa = self.at;
        if self.take("e") || self.take("E") {
            let _sign = self.take("+") || self.take("-");
            if self.digits() == 0 {
                self.at = mantissa;
            }
        }
        let number =
            std::str::from_utf8(&self.bytes[start..self.at]).ok().and_then(|text| text.parse::<f64>().ok());
        if !number.is_some_and(f64::is_finite) {
            self.refuse(start, RANGE);
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let count = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The text that `scan` passes over. None if it stops.
    fn span(&mut self, scan: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Option<&'t str> {
        let start = self.at;
        scan(self).ok()?;
        std::str::from_utf8(&self.bytes[start..self.at]).ok()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.bytes[self.at..].starts_with(word.as_bytes());
        if there {
            self.at += word.len();
        }
        there
    }

    fn expect(&mut self, word: &str, message: &'static str) -> Result<(), Stop> {
        if self.take(word) { Ok(()) } else { Err(Stop::At(self.at, message)) }
    }

    fn refuse(&mut self, at: usize, message: &'static str) {
        self.refused.get_or_insert(Stop::At(at, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What is shared with Python is tested against its recorded answers (`tests.rs`).

    #[test]
    fn what_only_python_reads_is_refused_at_its_place() {
        for (text, position, message) in [
            (r#"{"a":NaN}"#, 5, VALUE),
            (r#"["é",-Infinity]"#, 5, VALUE),
            (r#"["\ud800"]"#, 3, UNICODE),
            (r#"["\udc00\ud800"]"#, 3, UNICODE),
            (r#"["\ud800\u0041"]"#, 3, UNICODE),
            ("[1e400]", 1, RANGE),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(Flaw::At { position, message }), "{text}");
        }
        assert_eq!(parse(br#""\ud800\ud83d\ude00""#), Err(Flaw::At { position: 2, message: UNICODE }));
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(100).as_bytes()).is_ok());
        assert_eq!(parse(nested(200).as_bytes()), Err(Flaw::Unreadable));
        assert_eq!(parse("[".repeat(1 << 20).as_bytes()), Err(Flaw::Unreadable));
        assert_eq!(parse(format!("[{}0]", "0,".repeat(100_000)).as_bytes()), Err(Flaw::Unreadable));
    }

    #[test]
    fn the_scanner_and_serde_json_agree() {
        // Every text of up to five of these pieces: nothing may pass the scanner and fail after it.
        let pieces = [
            "{", "}", "[", "]", "\"", "a", "\\", "u00e9", "\\ud83d", "\\ude00", "1", "0", "-", ".", "e", ",",
            ":", " ", "null",
        ];
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            texts = texts.iter().flat_map(|text| pieces.map(|piece| format!("{text}{piece}"))).collect();
            for text in &texts {
                let known = serde_json::from_str::<Value>(text).ok();
                assert_eq!(parse(text.as_bytes()).ok(), known, "{text}");
                let string = format!("\"{text}\"");
                assert_eq!(
                    parse(string.as_bytes()).ok(),
                    serde_json::from_str::<Value>(&string).ok(),
                    "{string}"
                );
            }
        }
    }
}
