//! From a question to the passages that the answer is given to read.

#[cfg(test)]
mod tests;

use crate::{
    condense,
    settings::{Condense, Retrieval, Settings},
};
use corral_logic::{Conversation, Error, Host, Search, Unsearched, log, vectors::Hit};

/// The passages of the session that answer the question best, best first. None if documents cannot be
/// searched now and the settings want an answer all the same.
pub fn passages<H: Host>(
    conversation: &Conversation<H>,
    settings: &Settings,
) -> Result<Option<Vec<Hit>>, Error> {
    match search(conversation, settings) {
        Ok(found) => Ok(Some(found)),
        Err(Unsearched::Down(_)) if settings.retrieval == Retrieval::Optional => {
            log("answering without documents: they cannot be searched now");
            Ok(None)
        }
        Err(unsearched) => Err(unsearched.into()),
    }
}

/// Where there is nothing to find, nothing is condensed.
fn search<H: Host>(conversation: &Conversation<H>, settings: &Settings) -> Result<Vec<Hit>, Unsearched> {
    let search = Search {
        limit: settings.retrieval_k,
        max_distance: settings.retrieval_max_distance,
        words: settings.retrieval_hybrid,
    };
    if search.limit == 0 || !conversation.has_documents()? {
        return Ok(Vec::new());
    }
    let text = query_text(conversation, settings).map_err(Unsearched::Failed)?;
    conversation.search(&text, &search)
}

fn query_text<H: Host>(conversation: &Conversation<H>, settings: &Settings) -> Result<String, Error> {
    let (history, question) = (conversation.history(), conversation.message());
    if history.is_empty() || condense::stands_alone(question) {
        return Ok(question.to_owned());
    }
    let condensed = match settings.condense {
        Condense::Auto => condense::condense(conversation)?,
        Condense::Never => None,
    };
    Ok(condensed.unwrap_or_else(|| condense::beside_the_last(history, question)))
}
