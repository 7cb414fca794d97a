//! How far it is, for people; nothing is drawn where standard error is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over records, or a count where nobody knows how many there are.
pub(super) struct Bar {
    bar: ProgressBar,
    what: &'static str,
}

impl Bar {
    pub(super) fn new(what: &'static str, total: Option<u64>) -> Self {
        let (bar, template) = match total {
            Some(total) => {
                (ProgressBar::new(total), "{msg} [{bar:24}] {pos} of {len}, {per_sec}, {eta} left")
            }
            None => (ProgressBar::no_length(), "{msg} {pos}, {per_sec}"),
        };
        // The templates are ours; should one be wrong, the default bar does as well.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, what }
    }

    pub(super) fn copied(&self, count: u64) {
        self.bar.set_message(format!("{} copied:", self.what));
        self.bar.set_position(count);
    }

    /// Once everything is copied, it is known how much there is.
    pub(super) fn compare(&self, total: u64) {
        self.bar.set_length(total);
        self.bar.reset();
        self.compared(0);
    }

    pub(super) fn compared(&self, count: u64) {
        self.bar.set_message(format!("{} compared:", self.what));
        self.bar.set_position(count);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
