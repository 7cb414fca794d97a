//! What a move came to, for people and as JSON.

use super::{
    pair::{Comparison, Failure},
    state::Progress,
};
use crate::cli::{complain, say, say_json};
use serde::Serialize;

/// The end of a move.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    what: &'static str,
    from: String,
    to: String,
    /// In all runs.
    copied: u64,
    /// Read from both places afterwards.
    compared: u64,
    /// Changed while this ran, and were copied again.
    changed: u64,
    /// Went away at the source while this ran.
    gone: u64,
    failed: Vec<Failure>,
    /// Of no session, and left at the source.
    skipped: u64,
    /// At the destination, and not at the source.
    only_at_destination: u64,
    /// SHA-256 over the sorted digests of what was compared.
    digest_from: String,
    digest_to: String,
    equal: bool,
}

impl Report {
    pub(super) fn new(
        what: &'static str,
        places: [&str; 2],
        progress: &Progress,
        comparison: Comparison,
    ) -> Self {
        let [from, to] = places.map(str::to_owned);
        let (digest_from, digest_to) = comparison.digests();
        Self {
            what,
            from,
            to,
            copied: progress.copied,
            compared: comparison.count(),
            changed: progress.changed + comparison.changed,
            gone: progress.gone + comparison.gone,
            equal: digest_from == digest_to && comparison.failed.is_empty() && comparison.skipped == 0,
            failed: comparison.failed,
            skipped: comparison.skipped,
            only_at_destination: comparison.only_there,
            digest_from,
            digest_to,
        }
    }

    pub(super) fn all_well(&self) -> bool {
        self.equal
    }

    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        for Failure { record, reason } in &self.failed {
            complain(&format!("{record}: {reason}"));
        }
        if json {
            return say_json(self);
        }
        self.lines().iter().try_for_each(|line| Ok(say(line)?))
    }

    fn lines(&self) -> Vec<String> {
        let Self { what, copied, compared, .. } = self;
        let verdict = if self.equal { "the same in both places" } else { "NOT the same in both places" };
        let mut lines = vec![
            format!("{copied} {what} copied from {} to {}", self.from, self.to),
            format!("{compared} compared: {verdict}, digest {}", self.digest_from),
        ];
        let counted = [
            (self.changed, "changed meanwhile and copied again"),
            (self.gone, "gone meanwhile at the source, and not kept at the destination"),
            (
                self.only_at_destination,
                "at the destination only: there before, or gone at the source after copying",
            ),
            (self.failed.len() as u64, "NOT moved; the same command tries them again"),
            (
                self.skipped,
                "NOT moved, because they belong to no session: their metadata has no chat_id that names one",
            ),
        ];
        lines.extend(
            counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
        );
        lines
    }
}
