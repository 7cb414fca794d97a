//! The model's tokenizer: how many word-pieces a text has, and how far the model reads into it.
//!
//! Not here: the ids that the model is given (fastembed makes them from the same tokenizer).

use tokenizers::Tokenizer;

use crate::Error;

/// The tokenizer without its file's truncation and padding.
pub struct Pieces {
    tokenizer: Tokenizer,
    /// Pieces of a text that the model reads, its markers not counted.
    limit: usize,
    /// Markers that the model puts around a text.
    markers: usize,
}

/// A text as the model reads it.
pub struct Reading {
    /// The text up to the end of what is read.
    pub text: String,
    /// Pieces of it, with markers.
    pub pieces: usize,
    /// Whether there was more than the model reads.
    pub truncated: bool,
}

impl Pieces {
    /// From the tokenizer that the model uses, whose truncation says how many pieces it reads.
    pub fn new(mut tokenizer: Tokenizer) -> Result<Self, Error> {
        let longest = tokenizer.get_truncation().map_or(usize::MAX, |truncation| truncation.max_length);
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| Error::Load(format!("the tokenizer refuses to read whole texts: {error}")))?;
        let markers = encoded(tokenizer.encode_fast("", true))?.len();
        Ok(Self { tokenizer, limit: longest.saturating_sub(markers), markers })
    }

    /// Word-pieces that the model reads of a text, with markers.
    pub fn longest(&self) -> usize {
        self.limit.saturating_add(self.markers)
    }

    /// Word-pieces of the whole text, without markers.
    pub fn count(&self, text: &str) -> Result<u32, Error> {
        let encoding = encoded(self.tokenizer.encode_fast(text, false))?;
        Ok(u32::try_from(encoding.len()).unwrap_or(u32::MAX))
    }

    /// Cuts off what the model would not read, so that neither the queue nor the model's thread carries it.
    ///
    /// The cut is at the end of a piece, and pieces are found from the left, longest first: what is left has the
    /// same pieces as before.
    pub fn read(&self, mut text: String) -> Result<Reading, Error> {
        let encoding = encoded(self.tokenizer.encode(text.as_str(), false))?;
        let read = encoding.len().min(self.limit);
        let end = encoding.get_offsets()[..read].last().map_or(0, |(_, end)| *end);
        text.truncate(end);
        Ok(Reading { text, pieces: read + self.markers, truncated: encoding.len() > self.limit })
    }
}

fn encoded<T>(result: tokenizers::Result<T>) -> Result<T, Error> {
    result.map_err(|error| Error::Unavailable(format!("the tokenizer failed: {error}")))
}

#[cfg(test)]
mod tests {
    use tokenizers::TruncationParams;

    use super::*;

    fn pieces(limit: usize) -> Pieces {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.corral/models/all-minilm-l6-v2/tokenizer.json");
        let mut tokenizer = Tokenizer::from_file(path).expect("the models are here: run `make setup` first");
        let truncation = TruncationParams { max_length: limit, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).unwrap();
        Pieces::new(tokenizer).unwrap()
    }

    /// Wherever the cut falls, also within a word, a syllable or a letter that is two.
    #[test]
    fn what_is_left_of_a_cut_text_has_the_pieces_it_had() {
        let text = format!(
            "Straße, İstanbul: ünbelïevable ﬁne 한국어 言葉 [SEP] e\u{301}te\u{301} 🐴 {}",
            "x".repeat(120)
        );
        let whole = pieces(512);
        let ids = |text: &str| whole.tokenizer.encode(text, false).unwrap().get_ids().to_vec();
        let all = ids(&text);
        for read in 0..all.len() {
            let reading = pieces(read + 2).read(text.clone()).unwrap();
            assert!(reading.truncated);
            assert_eq!(reading.pieces, read + 2);
            assert_eq!(ids(&reading.text)[..read], all[..read], "{}", reading.text);
        }
        assert!(!pieces(all.len() + 2).read(text).unwrap().truncated);
    }
}
