//! Calls of tools, put together from the pieces in which servers send them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    Event,
    tools::{ToolCall, fresh_id, is_object},
};

/// More calls than that are no answer.
const MOST: usize = 128;

/// A piece of a call.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(in crate::remote) struct Piece {
    #[serde(default)]
    index: u32,
    id: Option<String>,
    #[serde(default)]
    function: Function,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
}

/// The calls so far, by their place.
#[derive(Debug, Default)]
pub(in crate::remote) struct Calls(BTreeMap<u32, ToolCall>);

impl Calls {
    pub fn add(&mut self, pieces: Vec<Piece>) {
        for Piece { index, id, function } in pieces {
            if self.0.len() >= MOST && !self.0.contains_key(&index) {
                continue;
            }
            let empty = || ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
            let call = self.0.entry(index).or_insert_with(empty);
            // Some servers repeat the id with every piece.
            call.id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| std::mem::take(&mut call.id));
            call.name.push_str(&function.name.unwrap_or_default());
            call.arguments.push_str(&function.arguments.unwrap_or_default());
        }
    }

    /// All of them, at the answer's end. Those that broke off are text.
    pub fn end(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.0).into_values().map(event).collect()
    }
}

fn event(mut call: ToolCall) -> Event {
    if call.arguments.trim().is_empty() {
        call.arguments = "{}".into();
    }
    if call.name.is_empty() || !is_object(&call.arguments) {
        return Event::Delta(call.arguments);
    }
    if call.id.is_empty() {
        call.id = fresh_id();
    }
    Event::Call(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(index: u32, id: Option<&str>, name: Option<&str>, arguments: &str) -> Piece {
        let function = Function { name: name.map(str::to_owned), arguments: Some(arguments.into()) };
        Piece { index, id: id.map(str::to_owned), function }
    }

    #[test]
    fn pieces_become_calls_in_their_order() {
        let mut calls = Calls::default();
        calls.add(vec![piece(0, Some("a"), Some("f"), "")]);
        calls.add(vec![piece(1, Some("b"), Some("g"), ""), piece(0, Some("a"), None, "{\"x\"")]);
        calls.add(vec![piece(0, None, None, ":1}")]);
        let call = |id: &str, name: &str, arguments: &str| {
            Event::Call(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() })
        };
        assert_eq!(calls.end(), [call("a", "f", "{\"x\":1}"), call("b", "g", "{}")]);
        assert_eq!(calls.end(), []);
    }

    #[test]
    fn a_call_that_broke_off_is_text_and_one_without_an_id_gets_one() {
        let mut calls = Calls::default();
        calls.add(vec![piece(0, Some("a"), Some("f"), "{\"x\":"), piece(1, None, Some("g"), "{}")]);
        let [Event::Delta(text), Event::Call(call)] = &calls.end()[..] else { panic!() };
        assert_eq!(text, "{\"x\":");
        assert!(call.id.starts_with("call_"), "{}", call.id);
    }
}
