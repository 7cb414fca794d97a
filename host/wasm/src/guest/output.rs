//! What a guest prints goes to the log, line by line and within a bound.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// The most that one request may print. The rest is dropped, and the log says so.
const LIMIT: usize = 16 << 10;

/// Longer lines are cut.
const LINE: usize = 1 << 10;

/// A guest's standard output or standard error.
///
/// A guest opens it as often as it likes, and goes on in the same line and within the same bound.
pub struct Output(Arc<Mutex<Lines>>);

impl Output {
    /// Standard output and standard error of one request.
    #[must_use]
    pub fn both() -> (Self, Self) {
        let left = Arc::new(AtomicUsize::new(LIMIT));
        let named = |name| Self(Arc::new(Mutex::new(Lines { name, line: Vec::new(), left: left.clone() })));
        (named("stdout"), named("stderr"))
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Stream(self.0.clone()))
    }
}

struct Lines {
    name: &'static str,
    line: Vec<u8>,
    /// Of the whole request.
    left: Arc<AtomicUsize>,
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) {
        let less = |left: usize| Some(left.saturating_sub(bytes.len()));
        // Never fails: it is always less.
        let (Ok(left) | Err(left)) = self.left.fetch_update(Relaxed, Relaxed, less);
        for &byte in bytes.iter().take(left) {
            if byte == b'\n' {
                self.flush_line();
            } else if self.line.len() < LINE {
                self.line.push(byte);
            }
        }
        if left > 0 && left <= bytes.len() {
            tracing::warn!(
                stream = self.name,
                limit = LIMIT,
                "component prints too much; the rest is dropped"
            );
        }
    }

    fn flush_line(&mut self) {
        if !self.line.is_empty() {
            tracing::info!(stream = self.name, line = %String::from_utf8_lossy(&self.line), "component");
            self.line.clear();
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.flush_line();
    }
}

/// One opening of an output.
struct Stream(Arc<Mutex<Lines>>);

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // A panic elsewhere leaves at most a part of a line.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
