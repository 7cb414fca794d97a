//! In which portions passages are embedded and stored, so that a request with thousands of them needs
//! little memory and few calls.
//!
//! Not here: doing it (`storing.rs`).

/// Passages of one step: four calls of the embedding model, and one of the store, which a busy server
/// still answers well within a call's five seconds.
const PASSAGES: usize = 256;
/// Texts and metadata of one step, in bytes. The metadata of a document is stored with each passage.
const BYTES: usize = 4 << 20;
/// Texts in one call of the embedding model: what it does in about two seconds.
const EMBED_AT_ONCE: usize = 64;

/// A passage: which of the documents, and which of its chunks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub document: usize,
    pub chunk: usize,
}

/// The portions, in order. `documents` are the sizes of each one's passages, in bytes.
///
/// A document that fits one step is not divided: the store takes it whole or not at all.
pub fn plan(documents: &[Vec<usize>]) -> Vec<Vec<Place>> {
    let mut steps = Vec::new();
    let mut step = Step::default();
    for (document, sizes) in documents.iter().enumerate() {
        if !step.has_room(sizes.len(), sizes.iter().sum()) {
            steps.push(step.take());
        }
        for (chunk, size) in sizes.iter().enumerate() {
            if !step.has_room(1, *size) {
                steps.push(step.take());
            }
            step.places.push(Place { document, chunk });
            step.bytes += size;
        }
    }
    steps.push(step.take());
    steps.retain(|step| !step.is_empty());
    steps
}

/// The indices of the texts, call by call: each call has texts of similar length, since the model reads
/// all texts of a batch as if they were as long as the longest.
pub fn calls(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|index| lengths[*index]);
    order.chunks(EMBED_AT_ONCE).map(<[usize]>::to_vec).collect()
}

#[derive(Default)]
struct Step {
    places: Vec<Place>,
    bytes: usize,
}

impl Step {
    fn has_room(&self, passages: usize, bytes: usize) -> bool {
        self.places.len() + passages <= PASSAGES && self.bytes + bytes <= BYTES
    }

    /// What is in it, which leaves it empty.
    fn take(&mut self) -> Vec<Place> {
        std::mem::take(self).places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(documents: &[Vec<usize>]) -> Vec<usize> {
        plan(documents).iter().map(Vec::len).collect()
    }

    #[test]
    fn every_passage_is_in_one_step_in_order() {
        let documents = [vec![10; 300], vec![10; 300], vec![], vec![10; 1300], vec![10; 2]];
        let places: Vec<_> = plan(&documents).concat();
        let expected = documents
            .iter()
            .enumerate()
            .flat_map(|(document, sizes)| (0..sizes.len()).map(move |chunk| Place { document, chunk }));
        assert_eq!(places, expected.collect::<Vec<_>>());
    }

    #[test]
    fn small_documents_share_a_step_and_are_not_divided() {
        assert_eq!(lengths(&vec![vec![10]; 100]), [100]);
        assert_eq!(lengths(&[vec![10; 150], vec![10; 150], vec![10; 100]]), [150, 250]);
        assert_eq!(lengths(&[vec![10; 256], vec![10]]), [256, 1]);
    }

    #[test]
    fn a_large_document_is_divided_by_number_and_by_bytes() {
        assert_eq!(lengths(&[vec![10; 650], vec![10; 2]]), [256, 256, 138 + 2]);
        assert_eq!(lengths(&[vec![1 << 20; 10]]), [4, 4, 2]);
        assert_eq!(lengths(&[vec![BYTES + 1; 3]]), [1, 1, 1], "one at least");
        assert!(plan(&[]).is_empty());
    }

    #[test]
    fn texts_of_similar_length_are_embedded_together() {
        let mixed: Vec<_> = (0..128).map(|index| if index % 2 == 0 { 1000 } else { 10 }).collect();
        let calls = calls(&mixed);
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64]);
        assert!(calls[0].iter().all(|index| mixed[*index] == 10));
        assert!(super::calls(&[]).is_empty());
    }
}
