//! Calls of tools, put together from the pieces in which servers send them.

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
    index: Option<u32>,
    id: Option<String>,
    #[serde(default)]
    function: Function,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
}

/// The calls so far, each with its place, in the order in which they began.
#[derive(Debug, Default)]
pub(in crate::remote) struct Calls(Vec<(u32, ToolCall)>);

impl Calls {
    pub fn add(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            self.put(piece);
        }
    }

    fn put(&mut self, Piece { index, id, function }: Piece) {
        let (place, id) = (index.unwrap_or(0), id.unwrap_or_default());
        let (name, arguments) = (function.name.unwrap_or_default(), function.arguments.unwrap_or_default());
        // Some servers put all calls in one place. Others have a new id for every piece, but tell the name
        // only with the first.
        let goes_on =
            |call: &ToolCall| name.is_empty() || id.is_empty() || call.id.is_empty() || call.id == id;
        let has_room = self.0.len() < MOST;
        let newest = self.0.iter_mut().rev().find(|(other, _)| *other == place).map(|(_, call)| call);
        match newest.filter(|call| goes_on(call)) {
            Some(call) => {
                if call.id.is_empty() {
                    call.id = id;
                }
                call.name.push_str(&name);
                call.arguments.push_str(&arguments);
            }
            None if has_room => self.0.push((place, ToolCall { id, name, arguments })),
            None => {}
        }
    }

    /// All of them, at the answer's end. Those that broke off are text.
    pub fn end(&mut self) -> Vec<Event> {
        let mut calls = std::mem::take(&mut self.0);
        calls.sort_by_key(|(place, _)| *place);
        calls.into_iter().map(|(_, call)| event(call)).collect()
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
    use serde_json::{Value, json};

    use super::*;

    fn piece(index: u32, id: Option<&str>, name: Option<&str>, arguments: &str) -> Piece {
        let function = Function { name: name.map(str::to_owned), arguments: Some(arguments.into()) };
        Piece { index: Some(index), id: id.map(str::to_owned), function }
    }

    fn call(id: &str, name: &str, arguments: &str) -> Event {
        Event::Call(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() })
    }

    #[test]
    fn pieces_become_calls_in_their_order() {
        let mut calls = Calls::default();
        calls.add(vec![piece(0, Some("a"), Some("f"), "")]);
        calls.add(vec![piece(1, Some("b"), Some("g"), ""), piece(0, Some("a"), None, "{\"x\"")]);
        calls.add(vec![piece(0, None, None, ":1}")]);
        assert_eq!(calls.end(), [call("a", "f", "{\"x\":1}"), call("b", "g", "{}")]);
        assert_eq!(calls.end(), []);
    }

    #[test]
    fn calls_in_one_place_or_in_none_are_told_apart_by_their_ids() {
        for place in [json!({"index": 0}), json!({"index": null}), json!({})] {
            let piece = |more: Value| {
                let mut piece = place.clone();
                piece.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                serde_json::from_value::<Piece>(piece).unwrap()
            };
            let mut calls = Calls::default();
            calls.add(vec![
                piece(json!({"id": "a", "function": {"name": "f", "arguments": "{\"x\":1}"}})),
                piece(json!({"id": "b", "function": {"name": "f", "arguments": ""}})),
                piece(json!({"id": "", "function": {"arguments": "{\"x\""}})),
            ]);
            calls.add(vec![piece(json!({"function": {"arguments": ":2}"}}))]);
            let both = [call("a", "f", "{\"x\":1}"), call("b", "f", "{\"x\":2}")];
            assert_eq!(calls.end(), both, "{place}");
        }
    }

    #[test]
    fn a_new_id_without_a_name_is_no_new_call() {
        let mut calls = Calls::default();
        calls.add(vec![piece(0, Some("a"), Some("f"), ""), piece(0, Some("b"), None, "{\"x\"")]);
        calls.add(vec![piece(0, Some("c"), None, ":1}")]);
        assert_eq!(calls.end(), [call("a", "f", "{\"x\":1}")]);
    }

    #[test]
    fn more_calls_than_an_answer_has_are_left_out() {
        let mut calls = Calls::default();
        for id in 0..=MOST {
            calls.add(vec![piece(0, Some(&id.to_string()), Some("f"), "")]);
        }
        assert_eq!(calls.end().len(), MOST);
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
