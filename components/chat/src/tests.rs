//! What a client sees of a turn, in which order, and what the host was asked.

use super::*;
use corral_logic::{
    Done, Event, TURNS_READ,
    inference::{self, Finish, Overflow, Owner, Role},
    sessions,
    testing::{Fake, done, hit, pair, turn, usage, words},
};
use std::rc::Rc;

fn delta(text: &str) -> Event {
    Event::Delta(text.into())
}

fn end(persisted: bool) -> Event {
    Event::Done(Done { finish: Finish::Stop, usage: usage(), persisted })
}

/// All events of one turn.
fn told(host: &Rc<Fake>, turn: Turn) -> Result<Vec<Event>, Error> {
    let mut reply = Chat::answer(Rc::clone(host), turn)?;
    let mut told = Vec::new();
    loop {
        let events = reply.next(3)?;
        if events.is_empty() {
            return Ok(told);
        }
        told.extend(events);
    }
}

fn answered(host: Fake, message: &str) -> (Rc<Fake>, Vec<Event>) {
    let host = Rc::new(host);
    let events = told(&host, turn(message)).unwrap();
    (host, events)
}

#[test]
fn a_turn_reads_answers_stores_prepares_and_ends() {
    let (host, events) =
        answered(Fake::with(vec![pair("Hi", "Hello")]).says(&["I am", " well."]), "How are you?");
    assert_eq!(events, [Event::Sources(vec![]), delta("I am"), delta(" well."), end(true)]);
    let calls = ["session", "describe", "is-empty", "generate", "append", "prepare"];
    assert_eq!(*host.calls.borrow(), calls);
    assert_eq!(*host.appended.borrow(), [(pair("How are you?", "I am well."), "t1".to_owned())]);
}

#[test]
fn the_prepared_transcript_is_what_the_next_turn_begins_with() {
    let (host, _) = answered(Fake::with(vec![pair("Hi", "Hello")]).says(&["Well."]), "How are you today?");
    let history = vec![pair("Hi", "Hello"), pair("How are you today?", "Well.")];
    let (next, _) = answered(Fake::with(history).says(&["Yes."]), "Is Oslo far away?");
    let prepared = &host.prepared.borrow()[0];
    assert_eq!(next.asked.borrow()[0].0[..prepared.len()], **prepared);
    assert_eq!(prepared.last().map(|message| message.role), Some(Role::Assistant));
}

#[test]
fn sources_come_first_and_the_prompt_carries_them() {
    let mut host = Fake::with(vec![]).says(&["Blue."]);
    host.hits = vec![hit("crane#0", "The crane is blue.", 0.25), hit("x#0", "Unrelated.", 1.5)];
    let (host, events) = answered(host, "Which colour does the crane have?");
    let Event::Sources(sources) = &events[0] else { panic!("{events:?}") };
    assert_eq!(sources.len(), 1, "beyond the greatest distance");
    let source = &sources[0];
    assert_eq!((source.id.as_str(), source.document.as_str(), source.score), ("crane#0", "crane", 0.75));
    let (messages, options) = &host.asked.borrow()[0];
    assert!(messages.last().unwrap().content.contains("> The crane is blue."));
    assert_eq!((&options.owner, options.max_tokens), (&Some(Owner::Session("s".into())), Some(512)));
    assert!(host.appended.borrow()[0].0.user == "Which colour does the crane have?");
}

#[test]
fn without_documents_nothing_is_embedded_or_condensed() {
    let (host, _) = answered(Fake::with(vec![pair("Hi", "Hello")]).says(&["Well."]), "Why?");
    assert!(host.embedded.borrow().is_empty());
    assert_eq!(host.asked.borrow().len(), 1);
}

#[test]
fn a_question_that_points_back_is_condensed_for_the_search_only() {
    let host = Fake::with(vec![pair("Where is the crane?", "In Oslo.")]);
    let mut host = host.says(&["How old is", " the crane?"]).says(&["Ten years."]);
    host.hits = vec![hit("crane#0", "Built ten years ago.", 0.2)];
    let (host, events) = answered(host, "How old is it?");
    assert_eq!(*host.embedded.borrow(), ["How old is the crane?"]);
    let asked = host.asked.borrow();
    let condensing = &asked[0].1;
    assert_eq!((condensing.temperature, condensing.max_tokens), (Some(0.0), Some(64)));
    assert_eq!(condensing.owner, None);
    assert!(asked[1].0.last().unwrap().content.ends_with("How old is it?"));
    assert_eq!(events[1..], [delta("Ten years."), end(true)]);
}

#[test]
fn what_cannot_be_condensed_is_searched_with_the_last_message_beside_it() {
    let cut_short = [Ok(vec![inference::Event::Delta("It is".into()), done(Finish::Length)])];
    let too_small = [Err(inference::Error::ContextOverflow(Overflow { need: 9, have: 8 }))];
    for script in [cut_short.into_iter().collect(), too_small.into_iter().collect()] {
        let mut host =
            Fake::with(vec![pair("Where is the crane?", "In Oslo.")]).scripted(script).says(&["Old."]);
        host.hits = vec![hit("crane#0", "Built ten years ago.", 0.2)];
        let (host, _) = answered(host, "How old is it?");
        assert_eq!(*host.embedded.borrow(), ["How old is it?\nWhere is the crane?"]);
    }
}

#[test]
fn condensing_can_be_switched_off() {
    let mut host = Fake::with(vec![pair("Where is the crane?", "In Oslo.")]).says(&["Old."]);
    host.settings.insert("condense", "never");
    host.hits = vec![hit("crane#0", "Built ten years ago.", 0.2)];
    let (host, _) = answered(host, "How old is it?");
    assert_eq!(host.asked.borrow().len(), 1);
    assert_eq!(*host.embedded.borrow(), ["How old is it?\nWhere is the crane?"]);
}

#[test]
fn what_is_left_out_is_told_between_sources_and_answer() {
    let history: Vec<_> = (0..250).map(|_| pair(&words(20), &words(20))).collect();
    let (host, events) = answered(Fake::with(history).says(&["Yes."]), "Is Oslo far away?");
    let Event::Trimmed(trimmed) = &events[1] else { panic!("{events:?}") };
    let kept = (host.asked.borrow()[0].0.len() - 2) / 2;
    assert_eq!(trimmed.turns as usize + kept, 250);
    assert!(trimmed.tokens > 250 * 40 && kept < TURNS_READ as usize);
    assert_eq!(events[2..], [delta("Yes."), end(true)]);
    assert!(host.counts.get() <= 8, "{}", host.counts.get());
}

#[test]
fn waiting_is_passed_on() {
    let script = [Ok(vec![inference::Event::Waiting]), Ok(vec![done(Finish::Stop)])];
    let (_, events) = answered(Fake::with(vec![]).scripted(script.into_iter().collect()), "Hello?");
    assert_eq!(events, [Event::Sources(vec![]), Event::Waiting, end(true)]);
}

#[test]
fn what_is_streamed_is_what_is_stored_without_white_space_around_it() {
    let (host, events) =
        answered(Fake::with(vec![]).says(&[" ", "\n Oslo", " ", "is far.", "\n", "\n"]), "Far?");
    assert_eq!(events[1..], [delta("Oslo"), delta(" is far."), end(true)]);
    assert_eq!(host.appended.borrow()[0].0.ai, "Oslo is far.");
}

#[test]
fn an_answer_that_cannot_be_stored_says_so_and_is_no_error() {
    for failure in [sessions::Error::Unavailable, sessions::Error::NotFound, sessions::Error::TooLarge(9)] {
        let host = Fake::with(vec![]).says(&["Yes."]);
        host.appends.borrow_mut().push_back(Err(failure));
        let (host, events) = answered(host, "Far?");
        assert_eq!(events[1..], [delta("Yes."), end(false)]);
        assert_eq!(host.appended.borrow().len(), 1, "the host goes on trying, not the logic");
        assert!(host.prepared.borrow().is_empty());
    }
}

#[test]
fn a_failure_in_mid_answer_ends_the_reply_and_stores_nothing() {
    let script = [Ok(vec![inference::Event::Delta("Half".into())]), Err(inference::Error::Deadline)];
    let host = Rc::new(Fake::with(vec![]).scripted(script.into_iter().collect()));
    let mut reply = Chat::answer(Rc::clone(&host), turn("Far?")).unwrap();
    assert_eq!(reply.next(9), Ok(vec![Event::Sources(vec![])]));
    assert_eq!(reply.next(9), Ok(vec![delta("Half")]));
    assert_eq!(reply.next(9), Err(Error::Deadline));
    assert_eq!(reply.next(9), Ok(vec![]));
    assert!(host.appended.borrow().is_empty());
}

#[test]
fn no_more_events_than_asked_for_and_never_none_before_the_end() {
    let host = Fake::with(vec![]);
    let all_at_once = vec![
        inference::Event::Delta("a".into()),
        inference::Event::Delta("b".into()),
        inference::Event::Delta("c".into()),
        done(Finish::Stop),
    ];
    let host = Rc::new(host.scripted([Ok(all_at_once)].into_iter().collect()));
    let mut reply = Chat::answer(host, turn("Far?")).unwrap();
    let sizes: Vec<_> = [0, 2, 9, 9, 9].map(|max| reply.next(max).unwrap().len()).into();
    assert_eq!(sizes, [1, 2, 1, 1, 0]);
}

#[test]
fn an_unknown_session_is_not_found_before_anything_else() {
    let mut host = Fake::with(vec![]);
    host.session = None;
    assert_eq!(told(&Rc::new(host), turn("Far?")), Err(Error::SessionNotFound));
}

#[test]
fn a_turn_that_names_a_model_is_answered_by_that_one_whatever_the_setting_says() {
    let mut host = Fake::with(vec![]).says(&["Yes."]);
    host.settings.insert("model", "another");
    let host = Rc::new(host);
    let mut asked = turn("Is Oslo far away?");
    asked.options.model = Some("fake".into());
    told(&host, asked).unwrap();
    assert_eq!(*host.models.borrow(), vec![Some("fake".to_owned()); 3], "describe, generate, prepare");
}

#[test]
fn a_model_that_is_not_there_is_the_clients_mistake_only_if_the_client_named_it() {
    let mut named = turn("Far?");
    named.options.model = Some("another".into());
    assert_eq!(told(&Rc::new(Fake::with(vec![])), named), Err(Error::NoSuchModel));
    let mut host = Fake::with(vec![]);
    host.settings.insert("model", "another");
    assert_eq!(told(&Rc::new(host), turn("Far?")), Err(Error::Unavailable));
}

#[test]
fn a_model_that_cannot_chat_is_no_chat_model() {
    for (name, error) in [(Some("fake"), Error::NoSuchModel), (None, Error::Unavailable)] {
        let mut host = Fake::with(vec![]);
        host.model.template = inference::Template::None;
        let mut asked = turn("Far?");
        asked.options.model = name.map(str::to_owned);
        assert_eq!(told(&Rc::new(host), asked), Err(error));
    }
}

#[test]
fn an_overflow_is_told_before_anything_is_generated() {
    let host = Rc::new(Fake::with(vec![]));
    let error = told(&host, turn(&words(3000))).unwrap_err();
    let Error::ContextOverflow(overflow) = error else { panic!("{error:?}") };
    assert_eq!(overflow.have, 2048 - 64);
    assert!(overflow.need > 3000);
    assert!(host.asked.borrow().is_empty());
}

#[test]
fn a_turn_out_of_form_is_refused() {
    let mut no_answer = turn("Far?");
    no_answer.options.max_tokens = Some(0);
    let mut no_id = turn("Far?");
    no_id.id = String::new();
    for wrong in [turn(""), no_answer, no_id] {
        let error = told(&Rc::new(Fake::with(vec![])), wrong).unwrap_err();
        assert!(matches!(error, Error::InvalidArgument(_)), "{error:?}");
    }
}

#[test]
fn a_wrong_setting_is_the_operators_error() {
    let mut host = Fake::with(vec![]);
    host.settings.insert("retrieval_k", "many");
    assert_eq!(told(&Rc::new(host), turn("Far?")), Err(Error::Unavailable));
}
