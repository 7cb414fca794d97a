//! Which passages a question brings along, and what happens when documents cannot be searched.

use super::*;
use crate::Chat;
use corral_logic::{
    Event, Logic as _, Trimmed, embedding,
    testing::{Fake, found, hit, pair, tokens, turn},
    vectors,
};
use std::rc::Rc;

const QUESTION: &str = "Which colour does the crane have?";

/// A session with one document.
fn host(settings: &[(&'static str, &'static str)]) -> Fake {
    let mut host = Fake::with(vec![pair("Hi", "Hello")]).says(&["Blue."]);
    host.settings.extend(settings.iter().copied());
    host.hits = vec![hit("crane#0", "The crane is blue.", 0.25)];
    host
}

/// What comes before the answer, and the host that was asked.
fn begun(host: Fake) -> Result<(Rc<Fake>, Vec<Event>), Error> {
    let host = Rc::new(host);
    let events = Chat::answer(Rc::clone(&host), turn(QUESTION))?.next(9)?;
    Ok((host, events))
}

/// Each way in which documents cannot be searched for now.
fn outages() -> Vec<(Fake, Error)> {
    let mut outages = Vec::new();
    for call in ["is-empty", "query"] {
        let mut host = host(&[]);
        host.store_failure = Some((call, vectors::Error::Unavailable));
        outages.push((host, Error::Unavailable));
    }
    for (failure, error) in [
        (embedding::Error::Unavailable, Error::Unavailable),
        (embedding::Error::Overloaded(700), Error::Overloaded(700)),
        (embedding::Error::Deadline, Error::Deadline),
    ] {
        let mut host = host(&[]);
        host.embedding_failure = Some(failure);
        outages.push((host, error));
    }
    outages
}

#[test]
fn while_documents_cannot_be_searched_an_answer_that_needs_them_is_refused() {
    for (host, error) in outages() {
        assert_eq!(begun(host).err(), Some(error));
    }
}

#[test]
fn where_documents_are_optional_the_answer_is_given_without_them_and_says_so() {
    for (mut host, _) in outages() {
        host.settings.insert("retrieval", "optional");
        let (host, events) = begun(host).unwrap();
        let tokens = tokens(&host.asked.borrow()[0].0);
        let trimmed = Trimmed { turns: 0, sources: 0, tokens, retrieval_unavailable: true };
        assert_eq!(events, [Event::Sources(vec![]), Event::Trimmed(trimmed)]);
    }
}

#[test]
fn what_is_left_out_for_room_is_told_beside_the_outage() {
    let history = vec![pair("Hi", &corral_logic::testing::words(1900)), pair("Hi", "Hello")];
    let mut host = Fake::with(history).says(&["Blue."]);
    host.settings.insert("retrieval", "optional");
    host.store_failure = Some(("is-empty", vectors::Error::Unavailable));
    let (_, events) = begun(host).unwrap();
    let Event::Trimmed(trimmed) = &events[1] else { panic!("{events:?}") };
    assert_eq!((trimmed.turns, trimmed.sources, trimmed.retrieval_unavailable), (1, 0, true));
}

#[test]
fn a_working_search_is_not_called_unavailable_where_documents_are_optional() {
    let (_, events) = begun(host(&[("retrieval", "optional")])).unwrap();
    assert!(matches!(&events[..], [Event::Sources(sources)] if sources.len() == 1), "{events:?}");
}

#[test]
fn what_will_not_mend_itself_is_an_error_where_documents_are_optional_too() {
    let mut refused = host(&[("retrieval", "optional")]);
    refused.store_failure = Some(("query", vectors::Error::InvalidArgument("words: too long".into())));
    assert_eq!(begun(refused).err(), Some(Error::Unavailable));
    let mut other_model = host(&[("retrieval", "optional")]);
    other_model.store_failure = Some(("query", vectors::Error::DimensionMismatch((384, 768))));
    assert_eq!(begun(other_model).err(), Some(Error::Unavailable));
    let mut too_long = host(&[("retrieval", "optional")]);
    let reason = || "a text is above 1 MiB".to_owned();
    too_long.embedding_failure = Some(embedding::Error::InvalidArgument(reason()));
    assert_eq!(begun(too_long).err(), Some(Error::InvalidArgument(reason())));
}

#[test]
fn a_busy_language_model_is_an_error_where_documents_are_optional_too() {
    use corral_logic::inference;
    let busy = [Err(inference::Error::Overloaded(900))];
    let mut host = Fake::with(vec![pair("Where is the crane?", "In Oslo.")]);
    host = host.scripted(busy.into_iter().collect());
    host.settings.insert("retrieval", "optional");
    host.hits = vec![hit("crane#0", "Built ten years ago.", 0.2)];
    let error = Chat::answer(Rc::new(host), turn("How old is it?")).err();
    assert_eq!(error, Some(Error::Overloaded(900)));
}

#[test]
fn a_hybrid_search_asks_with_the_text_that_was_embedded_and_keeps_the_stores_order() {
    let mut host = host(&[("retrieval_hybrid", "true")]);
    host.matches = vec![
        found("part#0", "The crane is a KX-2207.", 1.4, 2.5),
        found("crane#0", "The crane is blue.", 0.25, 0.0),
        found("other#0", "Nothing to do with it.", 1.4, 0.0),
    ];
    let (host, events) = begun(host).unwrap();
    let Event::Sources(sources) = &events[0] else { panic!("{events:?}") };
    let ids: Vec<_> = sources.iter().map(|source| source.id.as_str()).collect();
    assert_eq!(ids, ["part#0", "crane#0"], "words keep a distant passage, nothing keeps the last one");
    assert!((sources[0].score + 0.4).abs() < 1e-6, "similarity, whatever it was found by");
    assert_eq!(*host.searched.borrow(), [QUESTION]);
    assert_eq!(*host.searched.borrow(), *host.embedded.borrow());
    assert!(!host.calls.borrow().contains(&"query"));
}

#[test]
fn a_search_that_is_down_is_the_same_outage() {
    let mut down = host(&[("retrieval_hybrid", "true"), ("retrieval", "optional")]);
    down.store_failure = Some(("search", vectors::Error::Unavailable));
    let (_, events) = begun(down).unwrap();
    assert!(matches!(&events[1], Event::Trimmed(trimmed) if trimmed.retrieval_unavailable));
}
