//! Finds calls in an answer as it comes.
//!
//! Text goes out as soon as it cannot be the beginning of a call. What began like one and is none goes out as text.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Style;
use crate::{
    Event,
    stop::overlap,
    tools::{Dialogue, ToolCall, fresh_id, is_object},
};

/// An answer's text that has not gone out, and what it is part of.
#[derive(Debug)]
pub(crate) struct Reader {
    style: Style,
    /// Of the tools: what names another one is no call.
    names: Vec<String>,
    several: bool,
    held: String,
    state: State,
    calls: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was said.
    Fresh,
    /// Text is said, or a call was.
    Saying,
    /// What is held begins with a marker.
    Calling,
    /// There is the one call that there may be.
    Over,
}

/// A call as models write it.
#[derive(Deserialize)]
struct Written<'a> {
    name: String,
    #[serde(borrow, alias = "parameters")]
    arguments: Option<&'a RawValue>,
}

impl Reader {
    /// For an answer that may call what the dialogue offers.
    pub fn new(style: Style, dialogue: &Dialogue) -> Self {
        let names = dialogue.offered().iter().map(|tool| tool.name.clone()).collect();
        let several = dialogue.parallel;
        Self { style, names, several, held: String::new(), state: State::Fresh, calls: 0 }
    }

    /// Whether a control token's text means something here.
    pub fn is_marker(&self, text: &[u8]) -> bool {
        let close = self.style.close().unwrap_or_default();
        !text.is_empty() && [self.style.marker(), close].iter().any(|marker| marker.as_bytes() == text)
    }

    /// There may be no more: what the model still says is for nobody.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// What can be told now that `text` came.
    pub fn push(&mut self, text: &str) -> Vec<Event> {
        self.held.push_str(text);
        let mut events = Vec::new();
        loop {
            let goes_on = match self.state {
                State::Fresh | State::Saying => self.open(&mut events),
                State::Calling => self.close(&mut events),
                State::Over => false,
            };
            if !goes_on {
                return events;
            }
        }
    }

    /// The rest, at the end of the answer.
    pub fn finish(&mut self) -> Vec<Event> {
        let held = std::mem::take(&mut self.held);
        let calls = match self.state {
            State::Over => return Vec::new(),
            State::Calling => self.all(held.strip_prefix(self.style.marker()).unwrap_or(&held)),
            State::Fresh if self.is_bare(&held) => self.all(&held),
            State::Fresh | State::Saying => None,
        };
        let mut events = Vec::new();
        match calls {
            Some(calls) => calls.into_iter().for_each(|call| self.tell(call, &mut events)),
            // White space after a call belongs to it.
            None if self.calls > 0 && held.trim().is_empty() => {}
            None => self.say(held, &mut events),
        }
        events
    }

    /// Looks for the beginning of a call.
    fn open(&mut self, events: &mut Vec<Event>) -> bool {
        let marker = self.style.marker();
        if let Some(at) = self.held.find(marker) {
            let rest = self.held.split_off(at);
            let said = std::mem::replace(&mut self.held, rest);
            // White space before a call belongs to it.
            self.say(said.trim_end().to_owned(), events);
            self.state = State::Calling;
            return true;
        }
        if self.state == State::Fresh && self.is_bare(&self.held) {
            return false;
        }
        let end = self.held.len() - overlap(&self.held, marker);
        let end = self.held[..end].trim_end().len();
        let rest = self.held.split_off(end);
        let said = std::mem::replace(&mut self.held, rest);
        self.say(said, events);
        false
    }

    /// Looks for the end of a call.
    fn close(&mut self, events: &mut Vec<Event>) -> bool {
        let Some(close) = self.style.close() else { return false };
        let begin = self.style.marker().len();
        let mut from = begin;
        while let Some(at) = self.held[from..].find(close) {
            let end = from + at;
            let call = self.one(&self.held[begin..end]);
            from = end + close.len();
            match call {
                // The marker is within an argument.
                Err(true) => continue,
                Err(false) => {
                    let rest = self.held.split_off(from);
                    let said = std::mem::replace(&mut self.held, rest);
                    self.say(said, events);
                }
                Ok(call) => {
                    self.held.drain(..from);
                    self.state = State::Saying;
                    self.tell(call, events);
                }
            }
            return true;
        }
        false
    }

    fn say(&mut self, text: String, events: &mut Vec<Event>) {
        if !text.is_empty() {
            self.state = State::Saying;
            events.push(Event::Delta(text));
        }
    }

    fn tell(&mut self, call: ToolCall, events: &mut Vec<Event>) {
        if self.state == State::Over {
            return;
        }
        self.calls += 1;
        events.push(Event::Call(call));
        if !self.several {
            self.state = State::Over;
        }
    }

    /// Whether an answer that begins like this may be a call without a marker.
    fn is_bare(&self, text: &str) -> bool {
        const BEGINNINGS: [&str; 2] = [r#"{"name":""#, r#"{"type":"function""#];
        let dense: String = text.chars().filter(|character| !character.is_whitespace()).take(18).collect();
        let fits = |beginning: &&str| dense.starts_with(*beginning) || beginning.starts_with(dense.as_str());
        self.style == Style::Llama3 && !dense.is_empty() && BEGINNINGS.iter().any(fits)
    }

    /// The call that a text is. If it is none, whether more text could make it one.
    fn one(&self, text: &str) -> Result<ToolCall, bool> {
        let written = serde_json::from_str::<Written>(text.trim()).map_err(|error| error.is_eof())?;
        self.call(&written).ok_or(false)
    }

    /// The calls that a text is: a list, or one after the other. None if anything in it is no call.
    fn all(&self, text: &str) -> Option<Vec<ToolCall>> {
        let mut rest = text.trim();
        if rest.starts_with('[') {
            let written: Vec<Written> = serde_json::from_str(rest).ok()?;
            return written.iter().map(|written| self.call(written)).collect();
        }
        let mut calls = Vec::new();
        while !rest.is_empty() {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Written>();
            calls.push(self.call(&values.next()?.ok()?)?);
            rest = rest[values.byte_offset()..].trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        }
        Some(calls)
    }

    fn call(&self, Written { name, arguments }: &Written) -> Option<ToolCall> {
        self.names.contains(name).then_some(())?;
        let arguments = match arguments.map_or("{}", RawValue::get) {
            "null" => "{}".to_owned(),
            // Some models write the object as a text.
            text if text.starts_with('"') => serde_json::from_str(text).ok()?,
            text => text.to_owned(),
        };
        is_object(&arguments).then(|| ToolCall { id: fresh_id(), name: name.clone(), arguments })
    }
}

#[cfg(test)]
mod tests;
