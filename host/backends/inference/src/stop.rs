//! Finds stop strings in a stream of text, across the borders of its pieces.

/// Passes text on until a stop string appears, and keeps back what could be the beginning of one.
#[derive(Debug)]
pub(crate) struct StopFilter {
    stops: Vec<String>,
    held: String,
}

impl StopFilter {
    /// Ends the text before the first of `stops`; with none, passes everything.
    pub fn new(stops: Vec<String>) -> Self {
        Self { stops, held: String::new() }
    }

    /// What may be given out now that `text` came, and whether a stop string ended it.
    pub fn push(&mut self, text: &str) -> (String, bool) {
        self.held.push_str(text);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let tail = self.held.split_off(self.held.len() - keep);
        (std::mem::replace(&mut self.held, tail), false)
    }

    /// What was kept back, at the end of the text.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of `text` with which `stop` begins. Never a whole `stop`.
pub(crate) fn overlap(text: &str, stop: &str) -> usize {
    let mut longest_first = stop.char_indices().rev().map(|(at, _)| at);
    longest_first.find(|&at| text.ends_with(&stop[..at])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(stops: &[&str]) -> StopFilter {
        StopFilter::new(stops.iter().map(|&stop| stop.into()).collect())
    }

    #[test]
    fn without_stop_strings_everything_passes() {
        assert_eq!(filter(&[]).push("abc"), ("abc".into(), false));
    }

    #[test]
    fn a_stop_string_is_found_across_pieces_and_never_shown() {
        let mut filter = filter(&["STOP"]);
        assert_eq!(filter.push("go S"), ("go ".into(), false));
        assert_eq!(filter.push("TO"), (String::new(), false));
        assert_eq!(filter.push("P more"), (String::new(), true));
    }

    #[test]
    fn a_false_alarm_is_given_out_later() {
        let mut filter = filter(&["STOP"]);
        assert_eq!(filter.push("ST"), (String::new(), false));
        assert_eq!(filter.push("AR"), ("STAR".into(), false));
        assert_eq!(filter.push("S"), (String::new(), false));
        assert_eq!(filter.finish(), "S");
    }

    #[test]
    fn the_earliest_of_several_wins() {
        assert_eq!(filter(&["cd", "bcde"]).push("abcdef"), ("a".into(), true));
    }

    #[test]
    fn a_beginning_inside_a_beginning_is_kept() {
        let mut filter = filter(&["aab"]);
        assert_eq!(filter.push("aaa"), ("a".into(), false));
        assert_eq!(filter.push("b"), (String::new(), true));
    }

    #[test]
    fn characters_are_never_cut() {
        let mut filter = filter(&["é🐎"]);
        assert_eq!(filter.push("é"), (String::new(), false));
        assert_eq!(filter.push("x"), ("éx".into(), false));
    }
}
