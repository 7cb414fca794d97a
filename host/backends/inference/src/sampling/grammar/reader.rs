//! Reads a grammar as llama.cpp's parser does, which writes what it cannot read to stderr, and counts what repetitions
//! become before anything is repeated.

use std::collections::HashMap;

use super::{MAX_NAME, MAX_NESTING, MAX_REPEATED, MAX_RULES, Node, Part};

/// llama.cpp's bounds: of a repetition, and of the rules in what is repeated times its repetitions. A maximum above is
/// none.
const MAX_TIMES: u64 = 2_000;
const MAX_TOKEN: usize = 256;

/// The grammar's rules and groups.
pub(super) fn read(grammar: &str, is_token: &dyn Fn(&str) -> bool) -> Result<Vec<Node>, String> {
    if grammar.contains('\0') {
        return Err("it has a zero in it".into());
    }
    let names = HashMap::new();
    let mut reader =
        Reader { text: grammar, at: 0, is_token, names, nodes: Vec::new(), symbols: 0, repeated: 0 };
    reader.skip_space(true);
    while reader.at < grammar.len() {
        reader.rule()?;
    }
    reader.finish()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    is_token: &'a dyn Fn(&str) -> bool,
    /// The nodes of rules by their names.
    names: HashMap<&'a str, usize>,
    /// None where a rule was referred to and not yet defined.
    nodes: Vec<Option<Node>>,
    /// As many as llama.cpp has by now.
    symbols: u64,
    repeated: u64,
}

/// What a repetition would repeat.
#[derive(Clone, Copy, Default)]
struct Last {
    /// In llama.cpp's elements; nothing can be repeated that has none.
    length: u64,
    /// llama.cpp's rules in it.
    rules: u64,
}

impl<'a> Reader<'a> {
    fn finish(self) -> Result<Vec<Node>, String> {
        if !self.names.contains_key("root") {
            return Err("it has no rule named root".into());
        }
        if let Some((name, _)) = self.names.iter().find(|(_, node)| self.nodes[**node].is_none()) {
            return Err(format!("the rule {name} is not defined"));
        }
        Ok(self.nodes.into_iter().flatten().collect())
    }

    fn rule(&mut self) -> Result<(), String> {
        let name = self.name()?;
        self.skip_space(false);
        if !self.take("::=") {
            return Err(self.expected("'::='"));
        }
        self.skip_space(true);
        let node = self.named(name)?;
        let alternatives = self.alternatives(0)?;
        // The last one counts, where there are several of a name.
        self.nodes[node] = Some(Node::Choice(alternatives));
        if self.at < self.text.len() && !self.take("\r\n") && !self.take("\r") && !self.take("\n") {
            return Err(self.expected("the end of the line"));
        }
        self.skip_space(true);
        Ok(())
    }

    fn named(&mut self, name: &'a str) -> Result<usize, String> {
        if let Some(node) = self.names.get(name) {
            return Ok(*node);
        }
        if self.names.len() == MAX_RULES {
            return Err(format!("it has more than {MAX_RULES} rules"));
        }
        let node = self.nodes.len();
        self.names.insert(name, node);
        self.nodes.push(None);
        self.symbols += 1;
        Ok(node)
    }

    /// Up to what is none of it, such as the end of the line or of a group.
    fn alternatives(&mut self, depth: usize) -> Result<Vec<Vec<Part>>, String> {
        let mut alternatives = vec![self.sequence(depth)?];
        while self.take("|") {
            self.skip_space(true);
            alternatives.push(self.sequence(depth)?);
        }
        Ok(alternatives)
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Part>, String> {
        let nested = depth > 0;
        let (mut parts, mut last) = (Vec::new(), Last::default());
        while let Some(next) = self.next() {
            if let Some((min, max)) = self.times(nested)? {
                self.repeat(&mut parts, &mut last, min, max)?;
                continue;
            }
            last = Last { length: 1, rules: 1 };
            let mut part = Part::Text;
            match next {
                '"' => last.length = self.literal()?,
                '[' => last.length = self.class()?,
                '<' | '!' => self.token()?,
                '.' => self.at += 1,
                '(' => (part, last.rules) = self.group(depth + 1)?,
                _ if is_word(next) => {
                    let name = self.name()?;
                    part = Part::Node(self.named(name)?);
                }
                _ => break,
            }
            if last.length > 0 {
                parts.push(part);
            }
            self.skip_space(nested);
        }
        Ok(parts)
    }

    /// A group, and llama.cpp's rules in it.
    fn group(&mut self, depth: usize) -> Result<(Part, u64), String> {
        if depth > MAX_NESTING {
            return Err(format!("it is nested deeper than {MAX_NESTING}"));
        }
        self.at += 1;
        self.skip_space(true);
        let before = self.symbols;
        self.symbols += 1;
        let alternatives = self.alternatives(depth)?;
        if !self.take(")") {
            return Err(self.expected("')'"));
        }
        self.nodes.push(Some(Node::Choice(alternatives)));
        Ok((Part::Node(self.nodes.len() - 1), self.symbols - before))
    }

    /// How often at least and at most, if that is what comes next. No maximum is none.
    fn times(&mut self, nested: bool) -> Result<Option<(u64, Option<u64>)>, String> {
        let times = match self.next() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => return self.braces(nested).map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        self.skip_space(nested);
        Ok(Some(times))
    }

    fn braces(&mut self, nested: bool) -> Result<(u64, Option<u64>), String> {
        self.at += 1;
        self.skip_space(nested);
        let min = self.number()?;
        self.skip_space(nested);
        let mut max = Some(min);
        if self.take(",") {
            self.skip_space(nested);
            max = None;
            if self.next().is_some_and(|next| next.is_ascii_digit()) {
                max = Some(self.number()?);
                self.skip_space(nested);
            }
        }
        if !self.take("}") {
            return Err(self.expected("'}'"));
        }
        self.skip_space(nested);
        if min > MAX_TIMES {
            return Err(format!("it repeats something {min} times, and {MAX_TIMES} is the most"));
        }
        if let Some(max) = max
            && max < min
        {
            return Err(format!("it repeats something at least {min} and at most {max} times"));
        }
        Ok((min, max.filter(|max| *max <= MAX_TIMES)))
    }

    fn repeat(
        &mut self,
        parts: &mut Vec<Part>,
        last: &mut Last,
        min: u64,
        max: Option<u64>,
    ) -> Result<(), String> {
        if last.length == 0 {
            return Err("it repeats what is nothing".into());
        }
        let times = max.filter(|max| *max > 0).unwrap_or(min).max(1);
        let rules = max.map_or(1, |max| max - min);
        last.rules = last.rules.saturating_mul(times);
        if last.rules > MAX_TIMES {
            return Err(format!("it repeats what repeats itself, more than {MAX_TIMES} times together"));
        }
        self.repeated = self.repeated.saturating_add(times.saturating_mul(last.length));
        if self.repeated > MAX_REPEATED {
            return Err(format!("all that it repeats has more than {MAX_REPEATED} elements"));
        }
        self.symbols += rules;
        last.length = last.length.saturating_mul(min) + u64::from(rules > 0);
        if let Some(part) = parts.pop()
            && last.length > 0
        {
            parts.push(Part::Node(self.nodes.len()));
            self.nodes.push(Some(Node::Repetition { part, optional: min == 0, times: rules.max(min) }));
        }
        Ok(())
    }

    /// Gives its characters.
    fn literal(&mut self) -> Result<u64, String> {
        self.at += 1;
        let mut length = 0;
        while !self.take("\"") {
            self.character()?;
            length += 1;
        }
        Ok(length)
    }

    /// Gives its elements.
    fn class(&mut self) -> Result<u64, String> {
        self.at += 1;
        self.take("^");
        let mut length = 0;
        while !self.take("]") {
            self.character()?;
            length += 1;
            if self.next() == Some('-') && !self.text[self.at + 1..].starts_with(']') {
                self.at += 1;
                self.character()?;
                length += 1;
            }
        }
        Ok(length)
    }

    /// One, or what is written for one.
    fn character(&mut self) -> Result<(), String> {
        let rest = &self.text[self.at..];
        let Some(character) = rest.chars().next() else { return Err(self.expected("a character")) };
        if character != '\\' {
            self.at += character.len_utf8();
            return Ok(());
        }
        let digits = match rest[1..].chars().next() {
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some('t' | 'r' | 'n' | '\\' | '"' | '[' | ']' | '-') => 0,
            _ => return Err(self.expected("an escape that is known")),
        };
        let hexadecimal = rest.bytes().skip(2).take(digits).filter(u8::is_ascii_hexdigit).count();
        if hexadecimal < digits {
            return Err(self.expected(&format!("an escape with {digits} digits")));
        }
        self.at += 2 + digits;
        Ok(())
    }

    /// `<name>` or `<[7]>`, or `!` and that.
    fn token(&mut self) -> Result<(), String> {
        self.take("!");
        let rest = &self.text[self.at..];
        let length = rest.bytes().take(MAX_TOKEN).position(|byte| byte == b'>');
        let Some(token) = length.map(|length| &rest[..=length]).filter(|token| token.starts_with('<')) else {
            return Err(self.expected("a token such as <name>"));
        };
        let is_known = match token.strip_prefix("<[") {
            Some(id) => id.strip_suffix("]>").is_some_and(is_id),
            None => (self.is_token)(token),
        };
        if !is_known {
            return Err(self.expected("a token that the model has"));
        }
        self.at += token.len();
        Ok(())
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let rest = &self.text[self.at..];
        let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
        match length {
            0 => Err(self.expected("a name")),
            1..=MAX_NAME => {
                self.at += length;
                Ok(&rest[..length])
            }
            _ => Err(format!("it has a name longer than {MAX_NAME} bytes")),
        }
    }

    fn number(&mut self) -> Result<u64, String> {
        let rest = &self.text[self.at..];
        let length = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..length].parse().map_err(|_none| self.expected("a number"))?;
        self.at += length;
        Ok(number)
    }

    fn next(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, text: &str) -> bool {
        let is_next = self.text[self.at..].starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    /// With comments; line breaks only where they are no end.
    fn skip_space(&mut self, line_breaks: bool) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\r' | b'\n' if line_breaks => self.at += 1,
                b'#' => {
                    let comment = bytes[self.at..].iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                    self.at = comment.map_or(bytes.len(), |length| self.at + length);
                }
                _ => break,
            }
        }
    }

    fn expected(&self, what: &str) -> String {
        let line = 1 + self.text[..self.at].matches('\n').count();
        format!("line {line} of the grammar has something else where {what} is expected")
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-'
}

fn is_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u32>().is_ok()
}
