//! What a guest prints goes to the log, line by line and within a bound.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// The most that one request may print. The rest is dropped, and the log says so.
const LIMIT: usize = 16 << 10;

/// Longer lines are cut.
const LINE: usize = 1 << 10;

/// A guest's standard output or standard error.
pub struct Output {
    /// `stdout` or `stderr`.
    pub name: &'static str,
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Lines { name: self.name, line: Vec::new(), left: LIMIT })
    }
}

struct Lines {
    name: &'static str,
    line: Vec<u8>,
    left: usize,
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) {
        let taken = bytes.len().min(self.left);
        for &byte in bytes.iter().take(taken) {
            if byte == b'\n' {
                self.flush_line();
            } else if self.line.len() < LINE {
                self.line.push(byte);
            }
        }
        let had_room = self.left > 0;
        self.left -= taken;
        if had_room && self.left == 0 {
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

impl AsyncWrite for Lines {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
