//! The text of a file: as it is, or taken out of HTML or PDF.
//!
//! Documents come from anywhere. What reads them runs on a thread of its own with bounded time and a
//! stack for deep nesting, and a panic there is that file's error.

mod html;
mod pdf;

use super::find::Kind;
use std::{
    any::Any,
    panic, str,
    sync::{Once, mpsc},
    thread,
    time::Duration,
};

/// What reading one document may take.
const TIME: Duration = Duration::from_secs(60);
/// Deeply nested documents are read by recursion. Pages of it that are not used take no memory.
const STACK: usize = 256 << 20;
/// The threads' name, by which their panics are known.
const NAME: &str = "document";

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("at byte {0} it is not UTF-8; convert it first, for instance by `iconv -f latin1 -t utf8`")]
    NotUtf8(usize),
    #[error("it is {0}, by the mark at byte 0; convert it first: `iconv -f {0} -t utf8`")]
    OtherEncoding(&'static str),
    #[error("it is no text: there is a zero at byte {0}")]
    Binary(usize),
    #[error("it is encrypted; store it without a password first")]
    Encrypted,
    #[error("there is no text in it: its pages may be pictures, and need text recognition (OCR) first")]
    NoText,
    #[error("it is malformed: {0}")]
    Malformed(String),
    #[error("reading it took longer than {} s", TIME.as_secs())]
    TooSlow,
    #[error("a thread could not be started: {0}")]
    NoThread(#[from] std::io::Error),
}

/// The text of a file's bytes. Blocks.
pub(super) fn of(kind: Kind, bytes: Vec<u8>) -> Result<String, Error> {
    match kind {
        Kind::Text => plain(&bytes).map(str::to_owned),
        Kind::Html => {
            plain(&bytes)?;
            apart(move || html::text(&bytes), TIME)
        }
        Kind::Pdf => apart(move || pdf::text(&bytes), TIME),
    }
}

/// Panics of document readers become errors; this keeps them from being printed as well.
pub(super) fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if thread::current().name() != Some(NAME) {
                usual(panic);
            }
        }));
    });
}

/// A text as it is, less the mark that some programs put in front.
fn plain(bytes: &[u8]) -> Result<&str, Error> {
    let encoding = match bytes {
        [0xFF, 0xFE, 0, 0, ..] => Some("UTF-32LE"),
        [0xFF, 0xFE, ..] => Some("UTF-16LE"),
        [0xFE, 0xFF, ..] => Some("UTF-16BE"),
        _ => None,
    };
    if let Some(encoding) = encoding {
        return Err(Error::OtherEncoding(encoding));
    }
    let text = str::from_utf8(bytes).map_err(|error| Error::NotUtf8(error.valid_up_to()))?;
    match text.find('\0') {
        Some(place) => Err(Error::Binary(place)),
        None => Ok(text.trim_start_matches('\u{feff}')),
    }
}

/// Runs on a thread of its own, for at most that long.
fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    time: Duration,
) -> Result<T, Error> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let run = move || {
        let result = panic::catch_unwind(panic::AssertUnwindSafe(work));
        // Nobody waits any more if it took too long.
        drop(sender.send(result.unwrap_or_else(|panic| Err(Error::Malformed(words(&*panic))))));
    };
    thread::Builder::new().name(NAME.into()).stack_size(STACK).spawn(run)?;
    receiver.recv_timeout(time).unwrap_or(Err(Error::TooSlow))
}

/// What a panic says; that may quote the document, so only its first line's beginning.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
    text.lines().next().unwrap_or_default().chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_as_it_is_but_for_the_mark_in_front() {
        let text = "# Title\r\n\r\n| a | b |\r\n";
        assert_eq!(of(Kind::Text, text.into()).unwrap(), text);
        assert_eq!(of(Kind::Text, format!("\u{feff}{text}").into()).unwrap(), text);
    }

    #[test]
    fn what_is_no_utf_8_is_refused_with_its_place() {
        let error = of(Kind::Text, b"caf\xe9".to_vec()).unwrap_err();
        assert!(error.to_string().contains("at byte 3"), "{error}");
        let error = of(Kind::Html, b"\xff\xfeh\0i\0".to_vec()).unwrap_err();
        assert!(error.to_string().contains("UTF-16LE"), "{error}");
        let error = of(Kind::Text, b"ELF\0".to_vec()).unwrap_err();
        assert!(matches!(error, Error::Binary(3)));
    }

    #[test]
    fn a_panic_and_an_endless_reader_are_errors_of_that_document() {
        let error = apart::<()>(|| panic!("bad\nsecret"), TIME).unwrap_err();
        assert!(matches!(error, Error::Malformed(words) if words == "bad"));
        let (_sender, receiver) = mpsc::channel::<()>();
        let wait = move || Ok(receiver.recv().is_ok());
        assert!(matches!(apart(wait, Duration::from_millis(1)), Err(Error::TooSlow)));
    }
}
