//! A turn in the place of the newest one.

use super::{read, turn};
use corral_sessions::{Error, Sessions, Turn};
use std::time::Duration;

pub const EXPIRE_AFTER: Duration = Duration::from_secs(3600);

async fn of_two(sessions: &Sessions) -> String {
    let id = sessions.create().await.unwrap();
    sessions.append(&id, turn(1), "a").await.unwrap();
    sessions.append(&id, turn(2), "b").await.unwrap();
    id
}

pub async fn the_newest_turn_is_replaced(sessions: &Sessions) {
    let id = of_two(sessions).await;
    let before = read(sessions, &id).await.last_updated;
    assert_eq!(sessions.replace(&id, turn(3), "c", 2).await.unwrap(), 2);
    let session = read(sessions, &id).await;
    assert_eq!((session.history, session.turns), (vec![turn(1), turn(3)], 2));
    assert!(session.last_updated > before);
    assert_eq!(sessions.append(&id, turn(4), "d").await.unwrap(), 3, "the session goes on");
    assert_eq!(read(sessions, &id).await.history, [turn(1), turn(3), turn(4)]);
    let record = sessions.record(&id).await.unwrap().unwrap();
    let ids: Vec<_> = record.turn_ids.iter().map(Option::as_deref).collect();
    assert_eq!(ids, [Some("a"), Some("c"), Some("d")], "the id goes with its turn");
}

pub async fn a_turn_that_is_not_the_newest_stays(sessions: &Sessions) {
    let id = of_two(sessions).await;
    assert_eq!(sessions.replace(&id, turn(3), "c", 1).await.unwrap(), 3, "another was quicker");
    assert_eq!(sessions.replace(&id, turn(4), "d", 0).await.unwrap(), 4);
    assert_eq!(read(sessions, &id).await.history, [turn(1), turn(2), turn(3), turn(4)]);
    let empty = sessions.create().await.unwrap();
    assert_eq!(sessions.replace(&empty, turn(1), "a", 0).await.unwrap(), 1);
    let unknown = "3e6f0c1e-8f51-4f8b-9d7e-0d6c4c0f4a11";
    assert!(matches!(sessions.replace(unknown, turn(1), "a", 1).await, Err(Error::NotFound)));
}

pub async fn a_replacement_told_twice_is_one(sessions: &Sessions) {
    let id = of_two(sessions).await;
    for _ in 0..2 {
        assert_eq!(sessions.replace(&id, turn(3), "c", 2).await.unwrap(), 2);
    }
    assert_eq!(read(sessions, &id).await.history, [turn(1), turn(3)]);
}

pub async fn what_was_replaced_counts_no_longer(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    let large = || Turn { user: String::new(), ai: "x".repeat(9 << 20) };
    sessions.append(&id, large(), "0").await.unwrap();
    for number in 1..3 {
        assert_eq!(sessions.replace(&id, large(), &number.to_string(), 1).await.unwrap(), 1);
    }
    assert!(matches!(sessions.append(&id, large(), "3").await, Err(Error::TooLarge { .. })));
}
