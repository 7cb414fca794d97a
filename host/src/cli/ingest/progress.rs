//! How far it is, for people; nothing is drawn where standard error is no terminal.

use super::report::Outcome;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::atomic::{AtomicU64, Ordering};

/// A bar over the files' bytes, with files and passages beside it.
pub(super) struct Progress {
    bar: ProgressBar,
    all_files: usize,
    files: AtomicU64,
    passages: AtomicU64,
}

impl Progress {
    pub(super) fn new(files: usize, bytes: u64) -> Self {
        let bar = ProgressBar::new(bytes);
        // The template is ours; should it be wrong, the default bar does as well.
        if let Ok(style) =
            ProgressStyle::with_template("[{bar:24}] {bytes} of {total_bytes}, {msg}, {eta} left")
        {
            bar.set_style(style);
        }
        Self { bar, all_files: files, files: AtomicU64::new(0), passages: AtomicU64::new(0) }
    }

    pub(super) fn bytes_done(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    pub(super) fn part_done(&self, bytes: u64, passages: u64) {
        self.passages.fetch_add(passages, Ordering::Relaxed);
        self.bar.inc(bytes);
        self.show();
    }

    /// Counts it, and complains at once if something is wrong with it.
    pub(super) fn file_done(&self, outcome: &Outcome) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.show();
        if let Some(complaint) = outcome.complaint() {
            self.bar.suspend(|| crate::cli::complain(&complaint));
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self) {
        let (files, passages) = (self.files.load(Ordering::Relaxed), self.passages.load(Ordering::Relaxed));
        self.bar.set_message(format!("{files} of {} files, {passages} passages", self.all_files));
    }
}
