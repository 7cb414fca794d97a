//! Passages of a session's documents, for a text to find them with.
//!
//! Not here: what passages look like in the
//! prompt (`prompt.rs`), and how many of them fit (`budget.rs`).

use crate::{
    Error, Host, Source, Span,
    bindings::corral::host::{
        embedding,
        vectors::{self, Entry, Hit, Match},
    },
};

/// The most words that the store takes, in bytes. An embedding model reads far less of a long question.
const MOST_WORDS: usize = 64 << 10;

/// How passages are searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// At most so many; 0 searches nothing.
    pub limit: u32,
    /// The cosine distance above which a passage counts as unrelated, 0 to 2.
    pub max_distance: f32,
    /// Also by the text's words (BM25), which finds names and numbers better; what they find is kept at any distance.
    pub words: bool,
}

/// Why passages were not searched, by whether an answer without them makes up for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Unsearched {
    /// The vector store or the embedding model is down or busy: it may work again any moment.
    Down(Error),
    /// It will not mend itself.
    Failed(Error),
}

impl Default for Search {
    /// Four passages, by their meaning alone, up to a distance of 1.
    fn default() -> Self {
        Self { limit: 4, max_distance: 1.0, words: false }
    }
}

/// The session's passages that are nearest to `text`, best first.
pub(crate) fn search<H: Host>(
    host: &H,
    session: &str,
    text: &str,
    search: &Search,
) -> Result<Vec<Hit>, Unsearched> {
    let embedding = host.embed_query(text)?.values;
    let most = search.max_distance;
    if search.words {
        let words = &text[..text.floor_char_boundary(MOST_WORDS)];
        let found = host.search(session, &embedding, words, search.limit)?;
        return Ok(found.into_iter().filter(|one| one.bm25 > 0.0 || one.distance <= most).map(hit).collect());
    }
    let mut hits = host.query(session, &embedding, search.limit)?;
    hits.retain(|hit| hit.distance <= most);
    Ok(hits)
}

/// A passage as the client sees it.
pub(crate) fn source(hit: &Hit) -> Source {
    let passage = &hit.passage;
    Source {
        id: passage.id.clone(),
        document: value(&passage.metadata, "document").unwrap_or(&passage.id).to_owned(),
        text: passage.text.clone(),
        span: span(&passage.metadata),
        score: 1.0 - hit.distance,
        metadata: passage.metadata.clone(),
    }
}

/// Which words it has decided only whether it is kept, and at which place.
fn hit(found: Match) -> Hit {
    Hit { passage: found.passage, distance: found.distance }
}

/// None for passages that were not cut from a document by the gateway.
fn span(metadata: &[Entry]) -> Option<Span> {
    let number = |key| value(metadata, key)?.parse().ok();
    let span = Span { start: number("start")?, end: number("end")? };
    (span.start <= span.end).then_some(span)
}

fn value<'a>(metadata: &'a [Entry], key: &str) -> Option<&'a str> {
    metadata.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

impl From<vectors::Error> for Unsearched {
    fn from(error: vectors::Error) -> Self {
        match error {
            vectors::Error::Unavailable => Self::Down(error.into()),
            vectors::Error::DimensionMismatch(_) | vectors::Error::InvalidArgument(_) => {
                Self::Failed(error.into())
            }
        }
    }
}

impl From<embedding::Error> for Unsearched {
    fn from(error: embedding::Error) -> Self {
        match error {
            embedding::Error::Overloaded(_) | embedding::Error::Deadline | embedding::Error::Unavailable => {
                Self::Down(error.into())
            }
            embedding::Error::InvalidArgument(_) => Self::Failed(error.into()),
        }
    }
}

impl From<Unsearched> for Error {
    fn from(unsearched: Unsearched) -> Self {
        match unsearched {
            Unsearched::Down(error) | Unsearched::Failed(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Conversation,
        testing::{Fake, hit, turn},
        vectors::Passage,
    };
    use std::rc::Rc;

    fn conversation(fake: Fake) -> (Rc<Fake>, Conversation<Rc<Fake>>) {
        let host = Rc::new(fake);
        (host.clone(), Conversation::open(host, turn("Which crane?")).unwrap())
    }

    #[test]
    fn a_session_without_documents_is_looked_at_once_and_nothing_is_embedded() {
        let (host, conversation) = conversation(Fake::with(vec![]));
        assert_eq!(conversation.search("crane", &Search::default()), Ok(vec![]));
        assert_eq!(conversation.search("crane", &Search::default()), Ok(vec![]));
        assert_eq!(*host.calls.borrow(), ["session", "describe", "is-empty"]);
    }

    #[test]
    fn a_text_longer_than_the_store_takes_is_searched_by_its_beginning() {
        let mut fake = Fake::with(vec![]);
        fake.hits = vec![hit("crane#0", "Blue.", 0.2)];
        let (host, conversation) = conversation(fake);
        let text = format!("a{}", "é".repeat(40_000));
        conversation.search(&text, &Search { words: true, ..Search::default() }).unwrap();
        let searched = &host.searched.borrow()[0];
        assert_eq!(searched.len(), MOST_WORDS - 1);
        assert!(text.starts_with(searched.as_str()));
    }

    #[test]
    fn a_source_says_where_in_its_document_it_is_if_that_is_known() {
        let with = |pairs: &[(&str, &str)]| {
            let metadata =
                pairs.iter().map(|(k, v)| Entry { key: (*k).into(), value: (*v).into() }).collect();
            let passage = Passage { id: "0f0e".into(), text: "Blue.".into(), metadata };
            source(&Hit { passage, distance: 0.25 })
        };
        let cut = with(&[("document", "crane"), ("end", "160"), ("start", "120")]);
        assert_eq!((cut.document.as_str(), cut.span), ("crane", Some(Span { start: 120, end: 160 })));
        assert_eq!(cut.metadata.len(), 3);
        for others in
            [&[][..], &[("start", "3")], &[("start", "3"), ("end", "")], &[("start", "9"), ("end", "8")]]
        {
            let source = with(others);
            assert_eq!((source.document.as_str(), source.span), ("0f0e", None));
        }
    }
}
