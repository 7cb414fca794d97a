//! Which texts run together: those of similar length, whoever asked, so that little is spent on padding.
//!
//! Not here: when they run (`queue.rs`), and running them (`worker.rs`).

use std::collections::VecDeque;

use crate::call::{Call, Text};

/// Texts that run together.
#[derive(Default)]
pub struct Batch {
    pub texts: Vec<Text>,
    /// Pieces of the longest, to which the others are padded.
    longest: usize,
}

/// Pieces of a batch, padding included: as many as one text can have. It bounds how long whoever comes next waits
/// for what is running; bigger batches are not faster on a CPU.
pub const MAX_PIECES: usize = 256;

/// The padding that costs about as much as another run (measured: 2 ms against 0.26 ms a piece).
const MAX_PADDING: usize = 8;

impl Batch {
    /// Takes what runs next out of the calls: the shortest text of the first call and, where texts may run
    /// together, what goes well with it. The first call then waits behind the others with what it has left, so each
    /// call waits for at most one batch of each other call, however many texts that one has.
    pub fn take(calls: &mut VecDeque<Call>, together: bool) -> Option<Self> {
        let mut batch = Self::default();
        batch.push(calls.front_mut()?.texts.remove(0));
        calls.rotate_left(1);
        while together && batch.take_round(calls) {}
        calls.retain(|call| !call.texts.is_empty());
        Some(batch)
    }

    /// Pieces of the texts, padding not counted.
    pub fn pieces(&self) -> usize {
        self.texts.iter().map(|text| text.pieces).sum()
    }

    /// Takes at most one text of each call: those with many leave room for those with few. Says whether there was
    /// one.
    fn take_round(&mut self, calls: &mut VecDeque<Call>) -> bool {
        let before = self.texts.len();
        for call in calls {
            let paddings = call.texts.iter().map(|text| self.padding(text.pieces)).enumerate();
            if let Some((_, nearest)) = paddings.filter_map(|(place, padding)| Some((padding?, place))).min()
            {
                self.push(call.texts.remove(nearest));
            }
        }
        self.texts.len() > before
    }

    fn push(&mut self, text: Text) {
        self.longest = self.longest.max(text.pieces);
        self.texts.push(text);
    }

    /// The padding that a text of so many pieces would bring; `None` if it had better run elsewhere.
    fn padding(&self, pieces: usize) -> Option<usize> {
        let longest = self.longest.max(pieces);
        let padding = longest - pieces + self.texts.len() * (longest - self.longest);
        let fits = (self.texts.len() + 1) * longest <= MAX_PIECES;
        (fits && padding <= MAX_PADDING).then_some(padding)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pieces::Reading;
    use crate::queue::Queue;

    /// The batches of calls whose texts have these lengths, one after the other. A text is named by its call, its
    /// place in the call and its length: "a0:10".
    fn batches(calls: &[&[usize]], together: bool) -> Vec<Vec<String>> {
        let queue = Queue::new(calls.len(), together, Duration::ZERO);
        let mut answers = Vec::new();
        let mut waiting: VecDeque<Call> = ('a'..)
            .zip(calls)
            .map(|(name, lengths)| {
                let reading = |(place, &pieces)| Reading {
                    text: format!("{name}{place}:{pieces}"),
                    pieces,
                    truncated: false,
                };
                let readings = lengths.iter().enumerate().map(reading).collect();
                let (call, answer) = Call::new(readings, queue.place().unwrap());
                answers.push(answer);
                call
            })
            .collect();
        let texts = |batch: Batch| batch.texts.into_iter().map(|text| text.text).collect();
        std::iter::from_fn(|| Batch::take(&mut waiting, together)).map(texts).collect()
    }

    #[test]
    fn similar_lengths_run_together() {
        let lengths = [10, 200, 11, 200, 12];
        let expected = [vec!["a0:10", "a2:11", "a4:12"], vec!["a1:200"], vec!["a3:200"]];
        assert_eq!(batches(&[&lengths], true), expected);
    }

    #[test]
    fn texts_of_several_calls_run_together() {
        assert_eq!(
            batches(&[&[10], &[10], &[12], &[40]], true),
            [vec!["a0:10", "b0:10", "c0:12"], vec!["d0:40"]]
        );
        assert_eq!(batches(&[&[12], &[5]], true), [["a0:12", "b0:5"]], "a shorter one may join too");
    }

    #[test]
    fn a_text_joins_only_where_padding_costs_less_than_a_run() {
        assert_eq!(batches(&[&[18], &[10]], true).len(), 1);
        assert_eq!(batches(&[&[19], &[10]], true).len(), 2);
        assert_eq!(batches(&[&[10], &[10], &[14]], true).len(), 1, "two are padded by four");
        assert_eq!(batches(&[&[10], &[10], &[15]], true).len(), 2, "two would be padded by five");
    }

    #[test]
    fn a_batch_is_never_longer_than_the_longest_text() {
        let sizes: Vec<_> = batches(&[&[16; 40]], true).iter().map(Vec::len).collect();
        assert_eq!(sizes, [16, 16, 8]);
        assert_eq!(batches(&[&[256, 256]], true).len(), 2);
    }

    /// A model may read more than a batch holds.
    #[test]
    fn a_text_longer_than_a_batch_runs_all_the_same() {
        assert_eq!(batches(&[&[512, 512]], true).len(), 2);
    }

    #[test]
    fn a_call_with_many_texts_leaves_room_for_the_others() {
        let found = batches(&[&[64; 8], &[64], &[64]], true);
        assert_eq!(found[0], ["a0:64", "b0:64", "c0:64", "a1:64"]);
    }

    #[test]
    fn calls_take_turns_where_nothing_runs_together() {
        let found = batches(&[&[5, 5, 5], &[5], &[5, 5]], false).concat();
        assert_eq!(found, ["a0:5", "b0:5", "c0:5", "a1:5", "c1:5", "a2:5"]);
    }

    #[test]
    fn a_call_whose_texts_suit_nobody_else_gets_its_turn() {
        let found = batches(&[&[30, 30, 200], &[100, 100], &[30]], true);
        let expected = [vec!["a0:30", "c0:30", "a1:30"], vec!["b0:100", "b1:100"], vec!["a2:200"]];
        assert_eq!(found, expected);
    }

    #[test]
    fn no_calls_are_no_batch() {
        assert!(Batch::take(&mut VecDeque::new(), true).is_none());
    }
}
