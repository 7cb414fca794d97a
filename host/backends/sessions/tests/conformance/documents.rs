//! The session document: what is stored is what is read.

use super::{read, turn};
use corral_sessions::{Error, Sessions, Turn};
use std::time::Duration;

pub const EXPIRE_AFTER: Duration = Duration::from_secs(3600);

pub async fn a_new_session_is_empty(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    assert!(is_uuid_v4(&id), "{id}");
    let session = read(sessions, &id).await;
    assert_eq!(session.id, id);
    assert_eq!((session.history.len(), session.turns, session.metadata.len()), (0, 0, 0));
    assert!(is_timestamp(&session.created_at), "{}", session.created_at);
    assert_eq!(session.created_at, session.last_updated);
}

pub async fn an_unknown_session_is_none_and_takes_nothing(sessions: &Sessions) {
    let id = "3e6f0c1e-8f51-4f8b-9d7e-0d6c4c0f4a11";
    assert_eq!(sessions.get(id, None).await.unwrap(), None);
    assert!(matches!(sessions.append(id, turn(1), "1").await, Err(Error::NotFound)));
    assert!(matches!(sessions.set_metadata(id, "key", "value").await, Err(Error::NotFound)));
    assert!(!sessions.delete(id).await.unwrap());
    assert_eq!(sessions.get(id, None).await.unwrap(), None, "a failed write made a session");
}

pub async fn turns_come_back_whole_and_in_order(sessions: &Sessions) {
    let turns = [
        ("Hello", "Hi there!"),
        ("", ""),
        ("\"quoted\" \\ and\nbroken\r\n", "{\"history\": [], \"ai\": \"]}\"}"),
        ("naïve 日本語 🐎 e\u{301}", "\u{0}\u{1}\u{7f}\u{feff}"),
    ]
    .map(|(user, ai)| Turn { user: user.to_owned(), ai: ai.to_owned() });
    let id = sessions.create().await.unwrap();
    for (number, turn) in (1..).zip(turns.iter()) {
        assert_eq!(sessions.append(&id, turn.clone(), &format!("turn {number}")).await.unwrap(), number);
    }
    let session = read(sessions, &id).await;
    assert_eq!(session.history, turns);
    assert_eq!(session.turns, 4);
}

pub async fn a_bound_gives_the_newest_turns(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    let turns: Vec<_> = (0..10).map(turn).collect();
    for (number, turn) in turns.iter().enumerate() {
        sessions.append(&id, turn.clone(), &number.to_string()).await.unwrap();
    }
    for (last, expected) in [(0, &turns[10..]), (3, &turns[7..]), (10, &turns[..]), (u32::MAX, &turns[..])] {
        let session = sessions.get(&id, Some(last)).await.unwrap().unwrap();
        assert_eq!(session.history, expected, "the last {last}");
        assert_eq!(session.turns, 10, "counted, whatever is read");
    }
}

pub async fn the_same_turn_id_is_one_turn(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    assert_eq!(sessions.append(&id, turn(1), "a").await.unwrap(), 1);
    assert_eq!(sessions.append(&id, turn(2), "b").await.unwrap(), 2);
    let before = read(sessions, &id).await;
    assert_eq!(sessions.append(&id, turn(1), "a").await.unwrap(), 1, "answers as the first call did");
    assert_eq!(sessions.append(&id, turn(3), "b").await.unwrap(), 2, "the first one stays");
    assert_eq!(read(sessions, &id).await, before);
    assert_eq!(sessions.append(&id, turn(3), "A").await.unwrap(), 3, "ids are compared exactly");
}

pub async fn turn_ids_belong_to_their_session(sessions: &Sessions) {
    let one = sessions.create().await.unwrap();
    let other = sessions.create().await.unwrap();
    sessions.append(&one, turn(1), "same").await.unwrap();
    sessions.append(&other, turn(2), "same").await.unwrap();
    assert_eq!(read(sessions, &one).await.history, [turn(1)]);
    assert_eq!(read(sessions, &other).await.history, [turn(2)]);
}

pub async fn metadata_is_set_and_replaced(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    for (key, value) in
        [("title", "Horses"), ("a \"key\"", ""), ("title", "日本語 \u{0}"), ("Title", "other")]
    {
        sessions.set_metadata(&id, key, value).await.unwrap();
    }
    let metadata = read(sessions, &id).await.metadata;
    let entries: Vec<_> = metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(entries, [("Title", "other"), ("a \"key\"", ""), ("title", "日本語 \u{0}")]);
}

pub async fn writing_moves_last_updated_and_reading_does_not(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    let new = read(sessions, &id).await;
    assert_eq!(read(sessions, &id).await.last_updated, new.last_updated);
    sessions.append(&id, turn(1), "1").await.unwrap();
    let appended = read(sessions, &id).await;
    assert!(appended.last_updated > new.last_updated, "{} after an append", appended.last_updated);
    sessions.set_metadata(&id, "key", "value").await.unwrap();
    let set = read(sessions, &id).await;
    assert!(set.last_updated > appended.last_updated, "{} after metadata", set.last_updated);
    assert_eq!(set.created_at, new.created_at);
}

pub async fn a_deleted_session_is_gone_and_others_stay(sessions: &Sessions) {
    let (gone, stays) = (sessions.create().await.unwrap(), sessions.create().await.unwrap());
    for id in [&gone, &stays] {
        sessions.append(id, turn(1), "1").await.unwrap();
        sessions.set_metadata(id, "key", "value").await.unwrap();
    }
    assert!(sessions.delete(&gone).await.unwrap());
    assert!(!sessions.delete(&gone).await.unwrap());
    assert_eq!(sessions.get(&gone, None).await.unwrap(), None);
    assert!(matches!(sessions.append(&gone, turn(2), "1").await, Err(Error::NotFound)));
    assert_eq!(read(sessions, &stays).await.history, [turn(1)]);
    assert_eq!(read(sessions, &stays).await.metadata["key"], "value");
}

pub async fn the_store_answers_a_ping(sessions: &Sessions) {
    sessions.ping().await.unwrap();
}

fn is_uuid_v4(id: &str) -> bool {
    let dashes: Vec<_> = id.match_indices('-').map(|(at, _)| at).collect();
    let digits =
        id.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    id.len() == 36 && dashes == [8, 13, 18, 23] && digits && id.as_bytes()[14] == b'4'
}

/// `2026-01-31T08:15:30.123456Z`
fn is_timestamp(text: &str) -> bool {
    let form: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    form == "0000-00-00T00:00:00.000000Z"
}
