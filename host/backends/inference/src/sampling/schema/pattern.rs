//! Regular expressions as the converter keeps to them: classes for `\d` and its like, nothing that would end a JSON string,
//! each repeated part by itself, and the rest of the text where there is no anchor.
//!
//! The converter writes what it does not know to stderr, and takes any string then. So what cannot be said in its form is
//! refused here, without the pattern.

use std::{iter::Peekable, str::Chars};

const MAX_LENGTH: usize = 1 << 10;
const MAX_NESTING: usize = 40;
/// Parts in a row of which each may be left out: llama.cpp tries every choice among them, at every token.
const MAX_OPTIONAL: u64 = 8;
/// What cannot stand in a JSON string as it is, in a class.
const CONTROLS: &str = r#""\\\x7F\x00-\x1F"#;
const DIGITS: &str = "0-9";
const LETTERS: &str = "0-9A-Za-z_";
/// Tabs and line breaks are written with a backslash in JSON.
const SPACES: &str = " ";

/// The pattern in the converter's form.
pub(super) fn converted(pattern: &str) -> Result<String, String> {
    if pattern.len() > MAX_LENGTH {
        return Err(format!("a pattern is longer than {MAX_LENGTH} bytes"));
    }
    let from_start = pattern.strip_prefix('^');
    let body = from_start.unwrap_or(pattern);
    let to_end = body
        .strip_suffix('$')
        .filter(|rest| rest.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 0);
    let mut reader = Reader { rest: to_end.unwrap_or(body).chars().peekable(), depth: 0 };
    let mut text = reader.alternatives()?.text;
    if reader.rest.next().is_some() {
        return Err(refusal("a parenthesis that closes none"));
    }
    let any = format!("[^{CONTROLS}]*");
    if from_start.is_none() || to_end.is_none() {
        let before = if from_start.is_none() { &any } else { "" };
        let after = if to_end.is_none() { &any } else { "" };
        text = format!("{before}(?:{text}){after}");
    }
    Ok(format!("^{text}$"))
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
}

/// A part in the converter's form.
struct Part {
    text: String,
    /// If it may be no text, how many parts in a row may be left out in it.
    optional: Option<u64>,
}

impl Reader<'_> {
    /// Up to the end, or to what closes the group.
    fn alternatives(&mut self) -> Result<Part, String> {
        let mut all = self.sequence()?;
        while self.rest.next_if_eq(&'|').is_some() {
            let next = self.sequence()?;
            all = Part { text: all.text + "|" + &next.text, optional: all.optional.max(next.optional) };
        }
        Ok(all)
    }

    fn sequence(&mut self) -> Result<Part, String> {
        let (mut text, mut is_empty, mut optional) = (String::new(), true, 0u64);
        while self.rest.peek().is_some_and(|next| !matches!(next, '|' | ')')) {
            let part = self.part()?;
            let (times, min, max) = self.times()?;
            optional = match part.optional {
                Some(inner) => optional.saturating_add(inner.saturating_mul(max.unwrap_or(1))),
                None if min == 0 => optional + 1,
                None => 0,
            };
            if optional > MAX_OPTIONAL {
                return Err(refusal(&format!(
                    "more than {MAX_OPTIONAL} parts in a row that may be left out"
                )));
            }
            is_empty &= min == 0 || part.optional.is_some();
            text.push_str(&part.text);
            text.push_str(&times);
        }
        Ok(Part { text, optional: is_empty.then_some(optional) })
    }

    fn part(&mut self) -> Result<Part, String> {
        let text = match self.rest.next() {
            Some('(') => return self.group(),
            Some('[') => self.class()?,
            Some('.') => format!("[^{CONTROLS}]"),
            Some('\\') => self.escape()?,
            Some('^' | '$') => return Err(refusal("an anchor within it")),
            Some('*' | '+' | '?' | '{' | '}' | ']') => {
                return Err(refusal("a repetition of nothing, or a bracket of none"));
            }
            Some(character) => literal(character)?,
            None => String::new(),
        };
        Ok(Part { text, optional: None })
    }

    fn group(&mut self) -> Result<Part, String> {
        if self.rest.next_if_eq(&'?').is_some() && self.rest.next() != Some(':') {
            return Err(refusal("a look around, or a group with a name"));
        }
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(refusal(&format!("groups nested deeper than {MAX_NESTING}")));
        }
        let inner = self.alternatives()?;
        self.depth -= 1;
        match self.rest.next() {
            Some(')') => Ok(Part { text: format!("(?:{})", inner.text), optional: inner.optional }),
            _ => Err(refusal("a parenthesis that is not closed")),
        }
    }

    /// How often as it is written, at least, and at most.
    fn times(&mut self) -> Result<(String, u64, Option<u64>), String> {
        let (text, min, max) = match self.rest.peek() {
            Some('*') => ("*".to_owned(), 0, None),
            Some('+') => ("+".to_owned(), 1, None),
            Some('?') => ("?".to_owned(), 0, Some(1)),
            Some('{') => {
                self.rest.next();
                return self.braces();
            }
            _ => return Ok((String::new(), 1, Some(1))),
        };
        self.rest.next();
        self.skip_lazy();
        Ok((text, min, max))
    }

    fn braces(&mut self) -> Result<(String, u64, Option<u64>), String> {
        let mut text = String::new();
        while let Some(character) = self.rest.next_if(|next| next.is_ascii_digit() || *next == ',') {
            text.push(character);
        }
        let (min, max) = text.split_once(',').unwrap_or((&text, &text));
        let known = |number: &str| number.parse::<u16>().ok().map(u64::from);
        let (min, max) = match (known(min), known(max)) {
            (Some(min), None) if max.is_empty() => (min, None),
            (Some(min), Some(max)) if min <= max => (min, Some(max)),
            _ => {
                return Err(refusal(
                    "braces with another thing in them than a minimum, and a maximum not below it",
                ));
            }
        };
        if self.rest.next() != Some('}') {
            return Err(refusal("a brace that is not closed"));
        }
        self.skip_lazy();
        Ok((format!("{{{text}}}"), min, max))
    }

    /// It changes which text is found first, and not which text is right.
    fn skip_lazy(&mut self) {
        self.rest.next_if_eq(&'?');
    }

    fn class(&mut self) -> Result<String, String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut text = String::from(if negated { "[^" } else { "[" });
        let bare = text.len();
        loop {
            match self.rest.next() {
                None => return Err(refusal("a class that is not closed")),
                Some(']') => break,
                Some('\\') if self.rest.peek().is_some_and(|next| "dws".contains(*next)) => {
                    text.push_str(self.rest.next().map_or("", set));
                }
                Some(first) => {
                    let first = self.member(first)?;
                    let mut ahead = self.rest.clone();
                    let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|next| next != ']');
                    let last = if is_range {
                        self.rest.next();
                        let last = self.rest.next().unwrap_or_default();
                        self.member(last)?
                    } else {
                        first
                    };
                    add_range(&mut text, first, last)?;
                }
            }
        }
        if text.len() == bare && !negated {
            return Err(refusal("a class of nothing that a JSON string may have"));
        }
        if negated {
            text.push_str(CONTROLS);
        }
        Ok(text + "]")
    }

    /// A character of a class, of which `first` was read.
    fn member(&mut self, first: char) -> Result<char, String> {
        if first == '\\' { self.character() } else { Ok(first) }
    }

    fn escape(&mut self) -> Result<String, String> {
        if let Some(kind) = self.rest.next_if(|next| "dwsDWS".contains(*next)) {
            let set = set(kind.to_ascii_lowercase());
            return Ok(match kind.is_ascii_lowercase() {
                true => format!("[{set}]"),
                false => format!("[^{set}{CONTROLS}]"),
            });
        }
        literal(self.character()?)
    }

    /// What stands after a backslash.
    fn character(&mut self) -> Result<char, String> {
        let digits = match self.rest.next() {
            Some('t') => return Ok('\t'),
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('x') => 2,
            Some('u') => 4,
            Some(other) if !other.is_alphanumeric() => return Ok(other),
            _ => return Err(refusal("a backslash before what has no meaning here")),
        };
        let code: String = self.rest.by_ref().take(digits).collect();
        let code = (code.len() == digits).then(|| u32::from_str_radix(&code, 16).ok()).flatten();
        code.and_then(char::from_u32).ok_or_else(|| refusal("an escape that is no character"))
    }
}

fn set(kind: char) -> &'static str {
    match kind {
        'd' => DIGITS,
        'w' => LETTERS,
        _ => SPACES,
    }
}

/// A character as JSON writes it. In a class where the converter could join it to its neighbours.
fn literal(character: char) -> Result<String, String> {
    match character {
        '"' => Ok(r#"(?:\\")"#.into()),
        '\\' => Ok(r"(?:\\\\)".into()),
        '\t' => Ok(r"(?:\\t)".into()),
        '\n' => Ok(r"(?:\\n)".into()),
        '\r' => Ok(r"(?:\\r)".into()),
        character if character.is_ascii_control() => Err(refusal("a control character")),
        character => Ok(format!("[{}]", escaped(character))),
    }
}

/// Without what a JSON string has only after a backslash.
fn add_range(text: &mut String, first: char, last: char) -> Result<(), String> {
    if first > last {
        return Err(refusal("a class with a range that goes backwards"));
    }
    let mut from = first;
    for special in (0..0x20).chain(*b"\"\\\x7F") {
        if (from..=last).contains(&char::from(special)) {
            if from < char::from(special) {
                add(text, from, char::from(special - 1));
            }
            from = char::from(special + 1);
        }
    }
    if from <= last {
        add(text, from, last);
    }
    Ok(())
}

fn add(text: &mut String, first: char, last: char) {
    text.push_str(&escaped(first));
    if first != last {
        text.push('-');
        text.push_str(&escaped(last));
    }
}

/// In a class.
fn escaped(character: char) -> String {
    match character.is_ascii() && !character.is_ascii_alphanumeric() {
        true => format!("\\x{:02X}", u32::from(character)),
        false => character.to_string(),
    }
}

fn refusal(what: &str) -> String {
    format!("a pattern has {what}")
}

#[cfg(test)]
mod tests;
