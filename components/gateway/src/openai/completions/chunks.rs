//! Turns the events of an answer into the chunks of a stream.
//!
//! Not here: whole answers (`answer.rs`), writing (`response.rs`).

use std::mem;

use serde::Serialize;

use super::answer::{Corral, Head, Read, Usage, finish_reason};
use super::event::{Done, Event};
use super::form::{End, Form};
use crate::corral::host::inference::Scored;
use crate::failure::Failure;
use crate::reply::{self, Dialect, Error};
use crate::response::Piece;
use crate::sse::PING;

/// A stream's state.
pub struct Chunks<F> {
    form: F,
    head: Head,
    with_usage: bool,
    /// Tokens whose text has not come yet.
    scored: Vec<Scored>,
    /// Whether tools were called.
    called: bool,
    read: Read,
    stage: Stage,
}

#[derive(PartialEq)]
enum Stage {
    Fresh,
    Begun,
    Over,
}

#[derive(Serialize)]
struct Chunk<'c, P> {
    #[serde(flatten)]
    head: &'c Head,
    object: &'static str,
    choices: &'c [P],
    /// Null on all chunks but the last where usage is asked for, and not there where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

const END: &[u8] = b"data: [DONE]\n\n";

impl<F: Form> Chunks<F> {
    pub fn new(head: Head, form: F, with_usage: bool) -> Self {
        Self {
            form,
            head,
            with_usage,
            scored: Vec::new(),
            called: false,
            read: Read::default(),
            stage: Stage::Fresh,
        }
    }

    pub fn are_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// A batch, written. An empty batch before the end is an answer that broke off.
    pub fn write(&mut self, batch: Vec<Event>) -> Piece {
        if batch.is_empty() {
            return self.fail(Failure::Unavailable);
        }
        let mut bytes = Vec::with_capacity(256 * batch.len());
        if self.stage == Stage::Fresh {
            self.stage = Stage::Begun;
            if let Some(opening) = self.form.opening() {
                self.chunk(&mut bytes, opening);
            }
        }
        for event in batch {
            match event {
                Event::Sources(sources) => self.read.sources = sources,
                Event::Trimmed(trimmed) => self.read.trimmed = Some(trimmed),
                Event::Scored(tokens) => self.scored.extend(tokens),
                Event::Waiting => bytes.extend_from_slice(PING),
                Event::Delta(text) => {
                    let scored = self.scored();
                    let piece = self.form.piece(text, scored);
                    self.chunk(&mut bytes, piece);
                }
                Event::Call(call) => {
                    self.called = true;
                    if let Some(part) = self.form.call(call) {
                        self.chunk(&mut bytes, part);
                    }
                }
                Event::Done(done) => self.end(&mut bytes, done),
            }
        }
        Piece::Bytes(bytes)
    }

    /// The last event of an answer that failed.
    pub fn fail(&mut self, failure: Failure) -> Piece {
        self.stage = Stage::Over;
        let status = reply::status(&failure, Dialect::OpenAi);
        let mut bytes = Vec::new();
        frame(&mut bytes, &Error::from(failure));
        Piece::Failed(bytes, status)
    }

    fn end(&mut self, bytes: &mut Vec<u8>, done: Done) {
        self.stage = Stage::Over;
        let read = mem::take(&mut self.read);
        let end = End {
            corral: done.persisted.map(|persisted| Corral::new(read, persisted)),
            // Of tokens whose text never came, such as the beginning of a character.
            scored: self.scored(),
            calls: Vec::new(),
            finish_reason: finish_reason(done.finish, self.called),
        };
        let ending = self.form.ending(end);
        self.chunk(bytes, ending);
        if self.with_usage {
            frame(bytes, &Chunk { choices: &[], usage: Some(Some(done.usage.into())), ..self.empty() });
        }
        bytes.extend_from_slice(END);
    }

    /// The tokens told since the last chunk.
    fn scored(&mut self) -> Option<Vec<Scored>> {
        let scored = mem::take(&mut self.scored);
        (!scored.is_empty()).then_some(scored)
    }

    fn chunk(&self, bytes: &mut Vec<u8>, part: F::Part) {
        frame(bytes, &Chunk { choices: &[part], ..self.empty() });
    }

    fn empty(&self) -> Chunk<'_, F::Part> {
        let usage = self.with_usage.then_some(None);
        Chunk { head: &self.head, object: F::PART, choices: &[], usage }
    }
}

/// JSON has no line breaks of its own, so the data is one line.
fn frame(bytes: &mut Vec<u8>, data: &impl Serialize) {
    bytes.extend_from_slice(b"data: ");
    // Writing our own types to memory cannot fail.
    let _ = serde_json::to_writer(&mut *bytes, data);
    bytes.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::openai::completions::answer::samples::{call, delta, done, head};
    use crate::openai::completions::chat::Chat;
    use crate::openai::completions::logprobs::samples::scored;
    use crate::sse::samples::source;

    /// What a client reads: the data of each event, comments as they are.
    fn read(piece: &Piece) -> Vec<Value> {
        let text = std::str::from_utf8(piece.bytes()).unwrap();
        let events = text.strip_suffix("\n\n").unwrap().split("\n\n");
        events
            .map(|event| match event.strip_prefix("data: ") {
                Some(data) => serde_json::from_str(data).unwrap_or_else(|_| json!(data)),
                None => json!(event),
            })
            .collect()
    }

    fn chunk(delta: Value, finish_reason: Value) -> Value {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_800_000_000, "model": "small",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
        })
    }

    #[test]
    fn a_stream_begins_with_the_role_and_ends_with_its_reason() {
        let mut chunks = Chunks::new(head(), Chat::default(), false);
        let mut pieces = vec![chunks.write(vec![Event::Waiting])];
        pieces.push(chunks.write(vec![delta("Hi"), delta(" \"there\"\n")]));
        assert!(!chunks.are_over());
        pieces.push(chunks.write(vec![done(None)]));
        assert!(chunks.are_over());
        let expected = [
            chunk(json!({"role": "assistant", "content": ""}), json!(null)),
            json!(": ping"),
            chunk(json!({"content": "Hi"}), json!(null)),
            chunk(json!({"content": " \"there\"\n"}), json!(null)),
            chunk(json!({}), json!("stop")),
            json!("[DONE]"),
        ];
        assert_eq!(pieces.iter().flat_map(read).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn usage_comes_last_in_a_chunk_without_choices_and_is_null_before() {
        let piece = Chunks::new(head(), Chat::default(), true).write(vec![delta("Hi"), done(None)]);
        let mut events = read(&piece);
        assert_eq!(events.pop(), Some(json!("[DONE]")));
        let last = events.pop().unwrap();
        assert_eq!((&last["choices"], &last["usage"]["total_tokens"]), (&json!([]), &json!(4)));
        assert_eq!(last["usage"]["prompt_tokens_details"], json!({"cached_tokens": 2}));
        assert_eq!(last["id"], "chatcmpl-1");
        assert_eq!(events.len(), 3);
        for event in events {
            assert_eq!(event.get("usage"), Some(&json!(null)));
        }
    }

    #[test]
    fn each_call_is_a_chunk_with_its_place() {
        let events = vec![delta("Look."), call("1"), call("2"), done(None)];
        let called = |index: u32, id: &str| {
            let function = json!({"name": "f", "arguments": "{\"a\": 1}"});
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]})
        };
        let expected = [
            chunk(json!({"role": "assistant", "content": ""}), json!(null)),
            chunk(json!({"content": "Look."}), json!(null)),
            chunk(called(0, "1"), json!(null)),
            chunk(called(1, "2"), json!(null)),
            chunk(json!({}), json!("tool_calls")),
            json!("[DONE]"),
        ];
        assert_eq!(read(&Chunks::new(head(), Chat::default(), false).write(events)), expected);
    }

    #[test]
    fn a_turn_tells_its_sources_with_its_reason() {
        let piece = Chunks::new(head(), Chat::default(), false).write(vec![
            Event::Sources(vec![source()]),
            delta("Hi"),
            done(Some(true)),
        ]);
        let events = read(&piece);
        let last = &events[events.len() - 2]["choices"][0];
        assert_eq!(last["finish_reason"], "stop");
        assert_eq!(last["delta"]["corral"]["sources"][0]["id"], "d#0");
        assert_eq!(last["delta"]["corral"]["persisted"], true);
        assert!(
            events[..events.len() - 2]
                .iter()
                .all(|event| event["choices"][0]["delta"].get("corral").is_none())
        );
    }

    #[test]
    fn the_tokens_of_a_delta_come_with_it_and_those_without_text_at_the_end() {
        let events = vec![
            Event::Scored(vec![scored("H"), scored("i")]),
            delta("Hi"),
            delta("!"),
            Event::Scored(vec![scored("x")]),
            done(None),
        ];
        let tokens: Vec<_> = read(&Chunks::new(head(), Chat::default(), false).write(events))
            .iter()
            .map(|event| event["choices"][0]["logprobs"]["content"].as_array().map_or(0, Vec::len))
            .collect();
        assert_eq!(tokens, [0, 2, 0, 1, 0]);
    }

    #[test]
    fn a_failure_ends_the_stream_with_its_words_and_no_done() {
        let mut chunks = Chunks::new(head(), Chat::default(), true);
        chunks.write(vec![delta("Hi")]);
        let expected = json!({"error": {
            "message": "The answer took too long.", "type": "server_error", "param": null, "code": "timeout",
        }});
        let last = chunks.fail(Failure::Deadline);
        assert_eq!((read(&last), matches!(last, Piece::Failed(_, 504))), (vec![expected], true));
        assert!(chunks.are_over());
    }

    #[test]
    fn an_answer_that_breaks_off_is_told() {
        let mut chunks = Chunks::new(head(), Chat::default(), false);
        assert_eq!(read(&chunks.write(Vec::new()))[0]["error"]["code"], "unavailable");
        assert!(chunks.are_over());
    }
}
