//! Documents as this crate, the Python original and anybody else may have written them.

use super::*;

const ID: &str = "3e6f0c1e-8f51-4f8b-9d7e-0d6c4c0f4a11";

fn now() -> Moment {
    "2026-01-31T08:15:30.123456Z".parse().unwrap()
}

fn turn(user: &str, ai: &str) -> Turn {
    Turn { user: user.to_owned(), ai: ai.to_owned() }
}

#[test]
fn a_new_document_is_byte_for_byte_what_was_specified() {
    let written = Written::empty(ID, now());
    let expected = format!(
        r#"{{"session_id":"{ID}","metadata":{{"created_at":"2026-01-31T08:15:30.123456Z","last_updated":"2026-01-31T08:15:30.123456Z"}},"history":[]}}"#
    );
    assert_eq!(written.text, expected);
    let State { length, turns, bytes, updated_at } = written.state;
    assert_eq!((length, turns, bytes), (expected.len(), 0, 0));
    assert_eq!(&expected[updated_at..updated_at + 27], now().to_string());
}

#[test]
fn a_document_of_the_python_service_is_read() {
    let text = format!(
        r#"{{"session_id": "{ID}", "history": [{{"user": "Hello", "ai": "Caf\u00e9 \ud83d\udc0e"}}], "metadata": {{"created_at": "2026-01-31T08:15:30.123456", "last_updated": 1769847330.5, "visits": 3, "flags": {{"a": [true]}}}}}}"#
    );
    let session = Document::parse(ID, &text).unwrap().session(ID, None).unwrap();
    assert_eq!(session.history, [turn("Hello", "Café 🐎")]);
    assert_eq!(session.created_at, "2026-01-31T08:15:30.123456");
    assert_eq!(session.last_updated, "1769847330.5");
    assert_eq!(session.metadata["visits"], "3");
    assert_eq!(session.metadata["flags"], "{\"a\": [true]}");
}

#[test]
fn what_is_not_ours_survives_being_written_again() {
    let text = format!(
        r#"{{"tags": [], "history": [{{"user": "a", "ai": "b", "rated": 5}}, {{"ai": "d", "user": "c"}}], "big": 123456789012345678901234567890, "metadata": {{"n": 1.10, "created_at": "then"}}, "session_id": "{ID}"}}"#
    );
    let document = Document::parse(ID, &text).unwrap();
    let written = document.with_turn(ID, &turn("e\"", "f]}"), "1", now()).unwrap();
    let expected = format!(
        r#"{{"session_id":"{ID}","metadata":{{"created_at":"then","last_updated":"2026-01-31T08:15:30.123456Z","n":1.10}},"tags":[],"big":123456789012345678901234567890,"history":[{{"user": "a", "ai": "b", "rated": 5}},{{"user":"c","ai":"d"}},{{"user":"e\"","ai":"f]}}"}}]}}"#
    );
    assert_eq!(written.text, expected);
    assert_eq!((written.state.length, written.state.turns), (expected.len(), 3));
    assert!(expected[written.state.updated_at..].starts_with("2026-01-31T08:15:30.123456Z\""));
    let read = Document::parse(ID, &expected).unwrap().session(ID, Some(1)).unwrap();
    assert_eq!((read.turns, read.history.as_slice()), (3, [turn("e\"", "f]}")].as_slice()));
}

#[test]
fn what_only_python_writes_is_read_and_survives() {
    let text = format!(
        r#"{{"session_id": "{ID}", "history": [{{"user": "a", "ai": null}}, {{"user": "b \ud83d", "ai": "c", "score": NaN}}], "metadata": {{"score": NaN, "title": "\udc0e"}}, "scores": [-Infinity]}}"#
    );
    let document = Document::parse(ID, &text).unwrap();
    let session = document.session(ID, None).unwrap();
    assert_eq!(session.history, [turn("a", ""), turn("b \u{FFFD}", "c")]);
    assert_eq!((&*session.metadata["score"], &*session.metadata["title"]), ("NaN", "\u{FFFD}"));
    let written = document.with_turn(ID, &turn("d", "e"), "1", now()).unwrap().text;
    let kept = [
        r#""score":NaN,"title":"\udc0e"},"scores":[-Infinity],"history":[{"user": "a", "ai": null},"#,
        r#"{"user": "b \ud83d", "ai": "c", "score": NaN},{"user":"d","ai":"e"}]}"#,
    ];
    assert!(written.ends_with(&kept.concat()), "{written}");
    let nothing = Document::parse(ID, r#"{"history": null, "metadata": null}"#).unwrap();
    assert_eq!(nothing.session(ID, None).unwrap().turns, 0);
}

#[test]
fn an_entry_is_set_in_its_place() {
    let first = Written::empty(ID, now()).text;
    let second = Document::parse(ID, &first).unwrap().with_entry(ID, "b", "1", now()).unwrap().text;
    let third = Document::parse(ID, &second).unwrap().with_entry(ID, "a", "\u{0}", now()).unwrap().text;
    let fourth = Document::parse(ID, &third).unwrap().with_entry(ID, "b", "2", now()).unwrap();
    assert!(fourth.text.contains(r#","b":"2","a":"\u0000"},"history":[]}"#), "{}", fourth.text);
    assert_eq!(fourth.state.bytes, 2 * (32 + 2));
}

#[test]
fn what_is_missing_is_empty() {
    let session = Document::parse(ID, "{}").unwrap().session(ID, None).unwrap();
    assert_eq!((session.created_at.as_str(), session.turns, session.metadata.len()), ("", 0, 0));
}

#[test]
fn what_is_no_session_is_refused_without_showing_it() {
    for text in [
        "",
        "secret",
        "[]",
        r#"{"session_id": "secret"}"#,
        r#"{"session_id": 1}"#,
        r#"{"history": {"secret": 1}}"#,
        r#"{"metadata": "secret"}"#,
    ] {
        let error = Document::parse(ID, text).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
    for history in [r#"["secret"]"#, r#"[{"user": "secret"}]"#, r#"[{"user": 1, "ai": "secret"}]"#] {
        let text = format!(r#"{{"history": {history}}}"#);
        let error = Document::parse(ID, &text).unwrap().session(ID, None).unwrap_err().to_string();
        assert!(!error.contains("secret") && error.contains("turn 1"), "{error}");
    }
}

#[test]
fn turn_ids_go_where_their_numbers_say() {
    let side = [("", "100 2 3 4"), ("a", "2"), ("b", "0"), ("c", "9"), ("d", "x")]
        .map(|(id, number)| (id.to_owned(), number.to_owned()));
    assert_eq!(turn_ids(side.into(), 3), [None, Some("a".to_owned()), None]);
}
