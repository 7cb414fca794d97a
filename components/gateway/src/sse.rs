//! Turns the events of an answer into server-sent events.
//!
//! Not here: what is told of an answer (`chat/answer.rs`), writing (`response.rs`).

use serde::Serialize;

use crate::chat::{Done, Sources, Trimmed};
use crate::corral::chat::turns;
use crate::failure::Failure;
use crate::reply::{self, Detail, Dialect};
use crate::response::Piece;

/// A stream's state: whether its last event is written.
pub struct Events {
    over: bool,
}

#[derive(Serialize)]
struct Delta {
    text: String,
}

#[derive(Serialize)]
struct Error {
    detail: Detail,
}

/// What goes out while there is nothing new, so that nobody takes the connection for dead.
pub const PING: &[u8] = b": ping\n\n";

/// The head of every event stream.
pub fn headers() -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "text/event-stream; charset=utf-8".to_owned()),
        ("cache-control", "no-cache".to_owned()),
        // Proxies of the nginx family hold a response back without this.
        ("x-accel-buffering", "no".to_owned()),
    ]
}

impl Events {
    pub fn new() -> Self {
        Self { over: false }
    }

    pub fn are_over(&self) -> bool {
        self.over
    }

    /// A batch, written. An empty batch before `done` is an answer that broke off.
    pub fn write(&mut self, batch: Vec<turns::Event>) -> Piece {
        if batch.is_empty() {
            return self.fail(Failure::Unavailable);
        }
        let mut bytes = Vec::with_capacity(64 * batch.len());
        for event in batch {
            match event {
                turns::Event::Sources(sources) => frame(&mut bytes, "sources", &Sources::from(sources)),
                turns::Event::Trimmed(trimmed) => frame(&mut bytes, "trimmed", &Trimmed::from(trimmed)),
                turns::Event::Delta(text) => frame(&mut bytes, "delta", &Delta { text }),
                turns::Event::Waiting => bytes.extend_from_slice(PING),
                turns::Event::Done(done) => {
                    frame(&mut bytes, "done", &Done::from(done));
                    self.over = true;
                }
            }
        }
        Piece::Bytes(bytes)
    }

    /// The last event of an answer that failed.
    pub fn fail(&mut self, failure: Failure) -> Piece {
        self.over = true;
        let status = reply::status(&failure, Dialect::Detail);
        let mut bytes = Vec::new();
        frame(&mut bytes, "error", &Error { detail: Detail::from(failure) });
        Piece::Failed(bytes, status)
    }
}

/// JSON has no line breaks of its own, so the data is one line.
fn frame(bytes: &mut Vec<u8>, name: &str, data: &impl Serialize) {
    bytes.extend_from_slice(b"event: ");
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"\ndata: ");
    // Writing our own types to memory cannot fail.
    let _ = serde_json::to_writer(&mut *bytes, data);
    bytes.extend_from_slice(b"\n\n");
}

#[cfg(test)]
pub mod samples {
    //! Events to test with.

    use crate::corral::chat::turns;
    use crate::corral::host::inference::{Finish, Usage};
    use crate::corral::host::types::Entry;

    pub fn source() -> turns::Source {
        turns::Source {
            id: "d#0".to_owned(),
            document: "d".to_owned(),
            text: "t".to_owned(),
            span: None,
            score: 0.5,
            metadata: vec![Entry { key: "k".to_owned(), value: "v".to_owned() }],
        }
    }

    pub fn done(persisted: bool) -> turns::Done {
        let usage = Usage {
            prompt_tokens: 1,
            cached_tokens: 2,
            completion_tokens: 3,
            queue_ms: 4,
            first_token_ms: 5,
            total_ms: 6,
        };
        turns::Done { finish: Finish::Stop, usage, persisted }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{done, source};
    use super::*;

    #[test]
    fn a_stream_reads_like_this() {
        let mut events = Events::new();
        let first = events.write(vec![turns::Event::Sources(vec![source()]), turns::Event::Waiting]);
        let second = events.write(vec![
            turns::Event::Trimmed(turns::Trimmed {
                turns: 1,
                sources: 0,
                tokens: 40,
                retrieval_unavailable: false,
            }),
            turns::Event::Delta("two\nlines \u{2028}\"é\"".to_owned()),
        ]);
        assert!(!events.are_over());
        let last = events.write(vec![turns::Event::Done(done(true))]);
        assert!(events.are_over());
        let expected = concat!(
            "event: sources\ndata: {\"sources\":[{\"id\":\"d#0\",\"document_id\":\"d\",\"text\":\"t\",\"score\":0.5,\"metadata\":{\"k\":\"v\"}}]}\n\n",
            ": ping\n\n",
            "event: trimmed\ndata: {\"turns\":1,\"sources\":0,\"tokens\":40}\n\n",
            "event: delta\ndata: {\"text\":\"two\\nlines \u{2028}\\\"é\\\"\"}\n\n",
            "event: done\ndata: {\"finish_reason\":\"stop\",\"usage\":{\"prompt_tokens\":1,\"cached_tokens\":2,\"completion_tokens\":3,\"queue_ms\":4,\"first_token_ms\":5,\"total_ms\":6},\"persisted\":true}\n\n",
        );
        let bytes = [first.bytes(), second.bytes(), last.bytes()].concat();
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn a_failure_ends_the_stream_with_its_words() {
        let mut events = Events::new();
        let bytes = b"event: error\ndata: {\"detail\":\"The answer took too long.\"}\n\n".to_vec();
        assert_eq!(events.fail(Failure::from(turns::Error::Deadline)), Piece::Failed(bytes, 504));
        assert!(events.are_over());
    }

    #[test]
    fn an_answer_that_breaks_off_is_told() {
        let piece = Events::new().write(Vec::new());
        assert!(matches!(piece, Piece::Failed(bytes, 503) if bytes.starts_with(b"event: error\n")));
    }
}
