//! Streams as servers send them: whole, in pieces, broken off and hostile.

use super::*;
use crate::{Constraint, Event, Finish, Message, Role, Step};
use corral_spin_platform::http::{Lost, Piece};
use corral_spin_testing::http::{Prepared, Scripted};
use std::sync::atomic::Ordering;

const LIST: &str = r#"{"data":[{"id":"small","owned_by":"corral"},{"id":"small:poet","owned_by":"corral"},
    {"id":"all-minilm-l6-v2","owned_by":"corral"}]}"#;

const ANSWER: &str = "\
data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n: ping\n\n\
data: {\"choices\":[{\"delta\":{\"content\":\"Hé\"}}]}\r\n\r\n\
data: {\"choices\":[{\"delta\":{\"content\":\"llo STO\"}}]}\n\n\
data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
data: {\"choices\":[],\"usage\":{\"prompt_tokens\":32,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":30}}}\n\n\
data: [DONE]\n\n";

fn remote(answers: Vec<Result<Prepared, Lost>>) -> (Remote, Arc<Scripted>) {
    let http = Scripted::new([Ok(Prepared::json(200, LIST))].into_iter().chain(answers));
    let settings = Settings {
        address: Address::parse("http://corral.example:3000").unwrap(),
        token: Some("secret".into()),
        names: vec![],
        embedding: "all-minilm-l6-v2".into(),
        context: 2048,
    };
    (Remote::new(http.clone(), settings), http)
}

fn question() -> Input {
    Input::Chat(vec![Message { role: Role::User, content: "Hi".into() }])
}

fn stopping() -> Options {
    Options { stop: vec!["STOP".into()], owner: Some(Owner::Session("s".into())), ..Options::default() }
}

fn events(answer: Prepared) -> Result<Vec<Event>, Error> {
    let (remote, _) = remote(vec![Ok(answer)]);
    let mut answer = remote.generate(None, question(), stopping())?;
    let mut all = Vec::new();
    loop {
        match answer.next(2)? {
            Step::Events(events) if events.is_empty() => return Ok(all),
            Step::Events(events) => all.extend(events),
            Step::Waiting => {}
        }
    }
}

fn text_of(events: &[Event]) -> String {
    let text = |event: &Event| match event {
        Event::Delta(text) => text.clone(),
        Event::Scored(_) | Event::Call(_) | Event::Done { .. } => String::new(),
    };
    events.iter().map(text).collect()
}

#[test]
fn an_answer_is_the_same_in_whatever_pieces_it_comes() {
    for size in 1..ANSWER.len() {
        let pieces = ANSWER.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let events = events(Prepared::events(pieces)).unwrap();
        assert_eq!(text_of(&events), "Héllo STO", "in pieces of {size}");
        let Some(Event::Done { finish: Finish::Stop, usage }) = events.last() else { panic!("{events:?}") };
        assert_eq!((usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens), (32, 30, 5));
    }
}

#[test]
fn the_first_words_come_before_the_last_ones_are_there() {
    let (first, rest) = ANSWER.split_at(ANSWER.find("llo").unwrap());
    let answer = Prepared::events(vec![first.into()])
        .then(Err(Lost::Broken(format!("{} bytes never came", rest.len()))));
    let (remote, _) = remote(vec![Ok(answer)]);
    let mut answer = remote.generate(None, question(), stopping()).unwrap();
    assert_eq!(answer.next(8).unwrap(), Step::Events(vec![Event::Delta("Hé".into())]));
    assert!(matches!(answer.next(8), Err(Error::Unavailable(_))));
    assert_eq!(answer.next(8).unwrap(), Step::Events(vec![]));
}

#[test]
fn an_answer_that_breaks_off_is_never_taken_for_a_whole_one() {
    for end in 0..ANSWER.find("finish_reason").unwrap() {
        let cut = ANSWER.as_bytes()[..end].to_vec();
        let error = events(Prepared::events(vec![cut])).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{end}: {error:?}");
    }
    // Why it ended is said; what it took is not, and need not be.
    let end = ANSWER.find("data: {\"choices\":[],").unwrap();
    let counted = events(Prepared::events(vec![ANSWER.as_bytes()[..end].to_vec()])).unwrap();
    assert!(matches!(counted.last(), Some(Event::Done { finish: Finish::Stop, .. })));
}

#[test]
fn what_is_no_stream_of_answers_is_a_failure_that_quotes_nothing() {
    let secret = "what a person typed";
    for answer in [
        Prepared::json(200, secret),
        Prepared::events(vec![format!("data: {secret}\n\n").into()]),
        Prepared::events(vec![vec![b'x'; 300 << 10]]),
        Prepared::events(vec![b"data: {\"choices\":[{\"text\":\"\xff\"}]}\n\n".to_vec()]),
        Prepared::events(vec![
            format!("data: {{\"error\":{{\"code\":500,\"message\":\"{secret}\"}}}}\n\n").into(),
        ]),
        Prepared::json(500, secret),
        Prepared::json(301, secret),
        Prepared::json(401, secret),
    ] {
        match events(answer) {
            Err(Error::Unavailable(cause)) => assert!(!cause.contains("person"), "{cause}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn leaving_an_answer_ends_its_request_and_so_does_a_stop_string_that_was_let_through() {
    let endless = || Prepared::events(vec![ANSWER.as_bytes()[..ANSWER.find("llo").unwrap() - 40].to_vec()]);
    let prepared = endless();
    let left = prepared.left();
    let (remote, _) = remote(vec![Ok(prepared)]);
    let answer = remote.generate(None, question(), stopping()).unwrap();
    assert!(!left.load(Ordering::Relaxed));
    drop(answer);
    assert!(left.load(Ordering::Relaxed));

    let through = "data: {\"choices\":[{\"delta\":{\"content\":\"a STOP b\"}}]}\n\n";
    let events =
        events(Prepared::events(vec![through.into()]).then(Err(Lost::Broken("read on".into())))).unwrap();
    assert_eq!(text_of(&events), "a ");
}

#[test]
fn silence_is_news_after_a_while() {
    let quiet = Prepared::events(vec![b": ping\n\n".to_vec()]).then(Ok(Piece::Nothing));
    let (remote, _) = remote(vec![Ok(quiet)]);
    // A mock does not wait, so what is told here is only that nothing was taken for an end.
    let mut answer = remote.generate(None, question(), stopping()).unwrap();
    assert!(matches!(answer.next(1), Err(Error::Unavailable(cause)) if cause.contains("first token")));
}

#[test]
fn every_option_goes_along_and_nobody_shares_a_cache() {
    let refusing = || Ok(Prepared::json(400, r#"{"error":{"message":"no"}}"#));
    let (remote, http) = remote(vec![refusing(), refusing(), refusing()]);
    let asked = |options: Options| {
        assert!(remote.generate(Some("small:poet"), question(), options).is_err());
        http.asked().pop().unwrap()
    };
    let constraint = Some(Constraint::JsonSchema(r#"{"type":"object"}"#.into()));
    let all = Options { seed: Some(7), constraint, max_tokens: Some(9), top_k: Some(3), ..stopping() };
    let request = asked(all);
    assert_eq!(request.url, "http://corral.example:3000/v1/chat/completions");
    assert!(request.headers.contains(&("authorization".into(), "Bearer secret".into())));
    for part in [
        r#""model":"small:poet""#,
        r#""messages":[{"role":"user","content":"Hi"}]"#,
        r#""stream":true"#,
        r#""seed":7"#,
        r#""stop":["STOP"]"#,
        r#""max_tokens":9"#,
        r#""top_k":3"#,
        r#""schema":{"type":"object"}"#,
        r#""prompt_cache_key":""#,
    ] {
        assert!(request.body.contains(part), "{part} in {}", request.body);
    }
    let client = || Options { owner: Some(Owner::Client(String::new())), ..Options::default() };
    let keys = [asked(client()).body, asked(client()).body];
    assert_ne!(keys[0], keys[1], "one key for everybody who asks");
}

#[test]
fn models_are_those_that_the_server_lists() {
    let (remote, http) = remote(vec![]);
    let names: Vec<_> = remote.models().unwrap().into_iter().map(|model| model.name).collect();
    assert_eq!(names, ["small", "small:poet"]);
    assert_eq!(remote.describe(None).unwrap().context_length, 2048);
    assert_eq!(remote.describe(Some("all-minilm-l6-v2")), Err(Error::NoSuchModel));
    assert!(matches!(remote.count_tokens(Some("gone"), &question()), Err(Error::NoSuchModel)));
    assert_eq!(http.asked().len(), 1, "the list is asked for once");
}

#[test]
fn an_answer_longer_than_the_context_has_room_for_is_asked_for_shorter() {
    let message = "This model's maximum context length is 100 tokens. However, you requested 600 tokens (88 in the \
        messages, 512 in the completion).";
    let refusal = format!(r#"{{"error":{{"message":"{message}","code":400}}}}"#);
    let (remote, http) = remote(vec![
        Ok(Prepared::json(400, &refusal)),
        Ok(Prepared::events(vec![ANSWER.as_bytes().to_vec()])),
    ]);
    assert!(remote.generate(None, question(), Options::default()).is_ok());
    assert!(http.asked()[2].body.contains(r#""max_tokens":12"#));
}

#[test]
fn refusals_are_the_contracts_errors() {
    let refused = |answer: Prepared| {
        let (remote, _) = remote(vec![Ok(answer)]);
        remote.generate(None, question(), Options::default()).err().unwrap()
    };
    let gone = Prepared::json(404, r#"{"error":{"code":"model_not_found"}}"#);
    assert_eq!(refused(gone), Error::NoSuchModel);
    let busy = Prepared::json(503, "{}").header("retry-after", "3");
    assert!(matches!(refused(busy), Error::Overloaded { retry_after } if retry_after.as_secs() == 3));
    let bad = Prepared::json(400, r#"{"error":{"message":"bad grammar"}}"#);
    assert_eq!(refused(bad), Error::InvalidArgument("bad grammar".into()));
    let long = Prepared::json(
        400,
        r#"{"error":{"message":"This model's maximum context length leaves room for 2047 prompt tokens. However, your messages resulted in 3000 tokens.","code":"context_length_exceeded"}}"#,
    );
    assert_eq!(refused(long), Error::ContextOverflow { need: 3000, have: 2047 });
}
