//! The time to live, on the real clock. Being late never fails these: only a machine that stands
//! still for a whole time to live does.

use super::{read, turn};
use corral_sessions::{Error, Sessions};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

pub const EXPIRE_AFTER: Duration = Duration::from_secs(2);

pub async fn an_unused_session_expires(sessions: &Sessions) {
    let (unused, appended) = (sessions.create().await.unwrap(), sessions.create().await.unwrap());
    sessions.append(&appended, turn(1), "1").await.unwrap();
    sleep_until(Instant::now() + EXPIRE_AFTER + Duration::from_millis(10)).await;
    assert_eq!(sessions.get(&unused, None).await.unwrap(), None);
    assert_eq!(sessions.get(&appended, None).await.unwrap(), None);
    assert!(matches!(sessions.append(&appended, turn(2), "2").await, Err(Error::NotFound)));
    assert!(!sessions.delete(&unused).await.unwrap());
}

pub async fn expired_sessions_are_told_of_until_they_are_purged(sessions: &Sessions) {
    let first = sessions.create().await.unwrap();
    sleep(EXPIRE_AFTER / 10).await;
    let second = sessions.create().await.unwrap();
    assert!(sessions.expired().await.unwrap().is_empty(), "told of before their time");
    sleep_until(Instant::now() + EXPIRE_AFTER + Duration::from_millis(10)).await;
    for _ in 0..2 {
        assert_eq!(sessions.expired().await.unwrap(), [first.clone(), second.clone()]);
    }
    sessions.purge(&first).await.unwrap();
    sessions.purge(&first).await.unwrap();
    assert_eq!(sessions.expired().await.unwrap(), [second]);
}

pub async fn a_living_session_cannot_be_purged(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    sessions.append(&id, turn(1), "1").await.unwrap();
    sessions.purge(&id).await.unwrap();
    sessions.purge("unknown").await.unwrap();
    assert_eq!(read(sessions, &id).await.turns, 1);
}

pub async fn a_session_in_use_does_not_expire(sessions: &Sessions) {
    let (is_read, is_written) = (sessions.create().await.unwrap(), sessions.create().await.unwrap());
    let end = Instant::now() + EXPIRE_AFTER * 3 / 2;
    while Instant::now() < end {
        sleep(EXPIRE_AFTER / 20).await;
        read(sessions, &is_read).await;
        sessions.append(&is_written, turn(1), "the same").await.unwrap();
    }
    assert!(sessions.expired().await.unwrap().is_empty());
    assert_eq!(read(sessions, &is_written).await.turns, 1);
}
