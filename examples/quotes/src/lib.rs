//! Chat logic that answers with quotations from the session's documents, word for word. It asks no model: nothing can
//! be made up, and an answer takes milliseconds.

use corral_logic::{Conversation, Error, Host, Logic, Reply, Search, Turn, quoted, setting, vectors::Hit};

const NO_DOCUMENTS: &str = "There are no documents in this session yet: add some, and ask again.";
const NOTHING_FOUND: &str = "The documents say nothing of that.";

struct Quotes;

impl Logic for Quotes {
    fn answer<H: Host>(host: H, turn: Turn) -> Result<Reply<H>, Error> {
        let conversation = Conversation::open(host, turn)?;
        if !conversation.has_documents()? {
            return Ok(conversation.say(NO_DOCUMENTS, &[]));
        }
        let host = conversation.host();
        let search = Search {
            limit: setting(host, "quotations", "a whole number")?.unwrap_or(2),
            max_distance: setting(host, "max_distance", "a number from 0 to 2")?.unwrap_or(0.7),
            words: true,
        };
        let found = conversation.search(conversation.message(), &search)?;
        if found.is_empty() {
            return Ok(conversation.say(NOTHING_FOUND, &[]));
        }
        let text: Vec<_> = found.iter().map(quotation).collect();
        Ok(conversation.say(text.join("\n\n"), &found))
    }
}

fn quotation(hit: &Hit) -> String {
    let document = hit.passage.metadata.iter().find(|entry| entry.key == "document");
    let from = document.map_or(hit.passage.id.as_str(), |entry| entry.value.as_str());
    format!("{}\n— {from}", quoted(&hit.passage.text))
}

corral_logic::export!(Quotes);

#[cfg(test)]
mod tests {
    use super::*;
    use corral_logic::testing::{Fake, found, turn};
    use std::rc::Rc;

    fn answer(fake: Fake) -> Result<String, Error> {
        let host = Rc::new(fake);
        let mut reply = Quotes::answer(host.clone(), turn("Which colour does the crane have?"))?;
        while !reply.next(8)?.is_empty() {}
        assert!(host.asked.borrow().is_empty(), "a model was asked");
        let stored = host.appended.borrow();
        Ok(stored[0].0.ai.clone())
    }

    #[test]
    fn an_answer_is_what_documents_say_word_for_word() {
        let mut fake = Fake::with(vec![]);
        fake.matches =
            vec![found("crane#0", "The crane is blue.", 0.25, 2.0), found("x#0", "Else.", 0.9, 0.0)];
        assert_eq!(answer(fake), Ok("> The crane is blue.\n— crane".to_owned()));
    }

    #[test]
    fn without_documents_or_an_answer_in_them_it_says_so() {
        assert_eq!(answer(Fake::with(vec![])), Ok(NO_DOCUMENTS.to_owned()));
        let mut far = Fake::with(vec![]);
        far.matches = vec![found("x#0", "Else.", 0.9, 0.0)];
        assert_eq!(answer(far), Ok(NOTHING_FOUND.to_owned()));
    }
}
