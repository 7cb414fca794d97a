//! Which texts run together: those of similar length, so that little is spent on padding.
//!
//! Not here: running them (`worker.rs`).

use crate::pieces::Reading;

/// Texts that run together.
#[derive(Debug, PartialEq)]
pub struct Batch {
    /// The text's place in the call, beside each text.
    pub texts: Vec<(usize, String)>,
}

/// Pieces of a batch, padding included: as many as one text can have. It bounds how long a query waits for what
/// is running; bigger batches are not faster on a CPU.
const MAX_PIECES: usize = 256;

/// The padding that costs about as much as another run (measured: 2 ms against 0.26 ms a piece).
const MAX_PADDING: usize = 8;

/// Puts texts into batches, or each into its own where the model's vectors depend on their neighbours.
pub fn plan(readings: Vec<Reading>, together: bool) -> Vec<Batch> {
    let mut texts: Vec<_> = readings.into_iter().enumerate().collect();
    texts.sort_by_key(|(_, reading)| reading.pieces);
    let mut batches: Vec<Batch> = Vec::new();
    let mut longest = 0;
    for (index, Reading { text, pieces, .. }) in texts {
        match batches.last_mut() {
            Some(batch) if together && joins(batch.texts.len(), longest, pieces) => {
                batch.texts.push((index, text));
            }
            _ => batches.push(Batch { texts: vec![(index, text)] }),
        }
        longest = pieces;
    }
    batches
}

/// Whether a text is worth padding `texts` shorter ones to its length.
fn joins(texts: usize, longest: usize, pieces: usize) -> bool {
    texts * (pieces - longest) <= MAX_PADDING && (texts + 1) * pieces <= MAX_PIECES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(lengths: &[usize], together: bool) -> Vec<Vec<usize>> {
        let reading = |&pieces: &usize| Reading { text: String::new(), pieces, truncated: false };
        let batches = plan(lengths.iter().map(reading).collect(), together);
        batches.iter().map(|batch| batch.texts.iter().map(|(index, _)| *index).collect()).collect()
    }

    #[test]
    fn similar_lengths_run_together_and_keep_their_places() {
        assert_eq!(planned(&[10, 200, 11, 200, 12], true), [vec![0, 2, 4], vec![1], vec![3]]);
    }

    #[test]
    fn a_batch_is_never_longer_than_the_longest_text() {
        for batch in planned(&[16; 40], true) {
            assert!(batch.len() * 16 <= MAX_PIECES);
        }
        assert_eq!(planned(&[256, 256], true).len(), 2);
    }

    #[test]
    fn a_model_whose_vectors_depend_on_neighbours_gets_one_text_at_a_time() {
        assert_eq!(planned(&[5, 5, 5], false).len(), 3);
    }

    #[test]
    fn no_texts_are_no_batches() {
        assert!(planned(&[], true).is_empty());
    }
}
