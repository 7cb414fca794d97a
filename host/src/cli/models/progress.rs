//! Progress bars for people; nothing is drawn where standard error is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over bytes.
pub(super) fn bytes(size: Option<u64>, doing: &str, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(size.unwrap_or(0));
    let template = match size {
        Some(_) => "{msg} [{bar:24}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{msg} {bytes}, {bytes_per_sec}",
    };
    // The templates are ours; should one be wrong, the default bar does as well.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(format!("{doing} {what}"))
}
