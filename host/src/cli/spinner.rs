//! Something that turns while a person waits; nothing is drawn where standard error is no terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// How often it turns.
const TURN: Duration = Duration::from_millis(100);

/// Turns until it is dropped, and leaves nothing behind.
pub(super) struct Spinner(ProgressBar);

impl Spinner {
    pub(super) fn new(doing: impl Into<String>) -> Self {
        let bar = ProgressBar::new_spinner().with_message(doing.into());
        // The template is ours; should it be wrong, the default one does as well.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TURN);
        Self(bar)
    }

    /// Says what is done now.
    pub(super) fn now(&self, doing: impl Into<String>) {
        self.0.set_message(doing.into());
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
