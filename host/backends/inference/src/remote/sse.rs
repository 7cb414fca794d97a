//! Reads server-sent events, of bounded size and whatever pieces they come in.
//!
//! Not a library: `eventsource-stream` bounds nothing, keeps what is no UTF-8 for ever, and panics on
//! a byte-order mark. The only field that matters here is `data`; lines end with LF or CR LF, as all
//! these servers write them.

use std::collections::VecDeque;

use super::failure::Failure;

/// The longest line, and the longest event. A token with its 20 likeliest alternatives takes 4 KiB.
const EVENT_BYTES: usize = 256 << 10;
/// The longest stream.
const STREAM_BYTES: usize = 64 << 20;
/// May be before the first line, and means nothing there.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Bytes in, the data of events out.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    complete: VecDeque<Vec<u8>>,
    received: usize,
}

impl Events {
    /// Takes what came.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.received += bytes.len();
        if self.received > STREAM_BYTES {
            return Err(Failure::Failed(format!("the answer is longer than {STREAM_BYTES} bytes")));
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + piece.len() > EVENT_BYTES {
                return Err(Failure::Failed(format!(
                    "a line of the answer is longer than {EVENT_BYTES} bytes"
                )));
            }
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.end_line()?;
            }
        }
        Ok(())
    }

    /// The data of the next event that is complete.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        self.complete.pop_front()
    }

    fn end_line(&mut self) -> Result<(), Failure> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.complete.extend(self.data.take());
        }
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        // Comments, which keep connections alive, and other fields.
        let Some(value) = line.strip_prefix(b"data:") else { return Ok(()) };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &mut self.data {
            None => self.data = Some(value.to_vec()),
            Some(data) if data.len() + value.len() < EVENT_BYTES => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            Some(_) => {
                return Err(Failure::Failed(format!(
                    "an event of the answer is longer than {EVENT_BYTES} bytes"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(events: &mut Events) -> Vec<String> {
        std::iter::from_fn(|| events.pop()).map(|data| String::from_utf8(data).unwrap()).collect()
    }

    #[test]
    fn events_come_whole_from_whatever_pieces() {
        let text = ": hello\r\ndata: {\"é\": 1}\n\nevent: x\nid: 1\ndata:{}\r\n\r\ndata: a\ndata: b\n\n\n\n";
        for size in 1..text.len() {
            let mut events = Events::default();
            text.as_bytes().chunks(size).for_each(|piece| events.push(piece).unwrap());
            assert_eq!(read(&mut events), ["{\"é\": 1}", "{}", "a\nb"], "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_without_its_end_is_none() {
        let mut events = Events::default();
        events.push(b"data: {}\n").unwrap();
        assert!(read(&mut events).is_empty());
    }

    #[test]
    fn lines_events_and_streams_are_bounded() {
        let long = vec![b'x'; EVENT_BYTES];
        let mut line = Events::default();
        line.push(&long).unwrap();
        assert!(line.push(b"x").is_err());
        let mut event = Events::default();
        let half = format!("data: {}\n", "x".repeat(EVENT_BYTES / 2));
        event.push(half.as_bytes()).unwrap();
        assert!(event.push(half.as_bytes()).is_err());
        let mut stream = Events::default();
        let comments = b":\n".repeat(1 << 20);
        let pushed = (0..).take_while(|_| stream.push(&comments).is_ok()).count();
        assert_eq!(pushed, STREAM_BYTES / comments.len());
    }
}
