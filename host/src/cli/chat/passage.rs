//! A passage that an answer was given, listed and opened in its document.

use super::client::{Chunk, Source};
use std::fmt;

/// How much of a passage the list shows, in characters.
const GLANCE: usize = 72;

/// Passages in a list, numbered from 1.
pub(super) struct Listed<'s>(pub(super) &'s [Source]);

/// A passage between its neighbours.
pub(super) struct Opened<'s> {
    pub(super) source: &'s Source,
    /// The document's passages in their order; none if it is none of Corral's, or gone.
    pub(super) chunks: &'s [Chunk],
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Source { id, text, score, .. }) in (1..).zip(self.0) {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let more = if line.chars().count() > GLANCE { "…" } else { "" };
            let glance: String = line.chars().take(GLANCE).collect();
            let end = if number == self.0.len() { "" } else { "\n" };
            write!(f, "{number:>3}  {score:.3}  {id}\n     {glance}{more}{end}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Source { id, text, .. } = self.source;
        let place = self.chunks.iter().position(|chunk| chunk.id == *id);
        let Some(place) = place else { return write!(f, "{id}\n\n{}", text.trim()) };
        let Chunk { start, end, .. } = &self.chunks[place];
        writeln!(f, "{id}, characters {start} to {end}, passage {} of {}\n", place + 1, self.chunks.len())?;
        if let Some(before) = place.checked_sub(1).and_then(|before| self.chunks.get(before)) {
            writeln!(f, "{}\n", bordered(' ', &before.text))?;
        }
        write!(f, "{}", bordered('│', text))?;
        if let Some(after) = self.chunks.get(place + 1) {
            write!(f, "\n\n{}", bordered(' ', &after.text))?;
        }
        Ok(())
    }
}

/// Each line behind a mark.
fn bordered(mark: char, text: &str) -> String {
    let lines = text.trim().lines().map(|line| format!("{mark} {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(id: &str, text: &str) -> Source {
        serde_json::from_value(serde_json::json!({ "id": id, "text": text, "score": 0.5 })).unwrap()
    }

    #[test]
    fn passages_are_listed_by_their_beginnings_and_opened_between_their_neighbours() {
        let sources = [source("a#1", "two\nlines"), source("b#0", &"x".repeat(100))];
        let listed = Listed(&sources).to_string();
        assert!(listed.starts_with("  1  0.500  a#1\n     two lines\n  2  "), "{listed}");
        assert!(listed.ends_with("x…"), "{listed}");
        let chunk =
            |id: &str, text: &str, start| Chunk { id: id.into(), text: text.into(), start, end: start + 9 };
        let chunks = [chunk("a#0", "one", 0), chunk("a#1", "two\nlines", 10), chunk("a#2", "three", 20)];
        let opened = Opened { source: &sources[0], chunks: &chunks }.to_string();
        assert_eq!(opened, "a#1, characters 10 to 19, passage 2 of 3\n\n  one\n\n│ two\n│ lines\n\n  three");
        assert_eq!(Opened { source: &sources[0], chunks: &[] }.to_string(), "a#1\n\ntwo\nlines");
    }
}
