//! Calls that arrive at once.

use super::{read, turn};
use corral_sessions::{Sessions, Turn};
use std::{collections::BTreeSet, future::Future, time::Duration};
use tokio::task::JoinSet;

pub const EXPIRE_AFTER: Duration = Duration::from_secs(3600);
const CALLS: usize = 100;

pub async fn turns_appended_at_once_are_all_kept(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    let answers = at_once(sessions, |sessions, number| {
        let id = id.clone();
        async move { (sessions.append(&id, turn(number), &number.to_string()).await.unwrap(), turn(number)) }
    });
    let mut answers: Vec<(u32, Turn)> = answers.await;
    answers.sort_by_key(|(number, _)| *number);
    let (numbers, turns): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
    assert_eq!(read(sessions, &id).await.history, turns, "each answer told the turn's place");
}

pub async fn retries_at_once_are_one_turn(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    let answers = at_once(sessions, |sessions, _| {
        let id = id.clone();
        async move { sessions.append(&id, turn(1), "the same").await.unwrap() }
    });
    assert_eq!(answers.await, [1; CALLS]);
    assert_eq!(read(sessions, &id).await.history, [turn(1)]);
}

pub async fn sessions_made_at_once_are_different(sessions: &Sessions) {
    let made = at_once(sessions, |sessions, _| async move { sessions.create().await.unwrap() }).await;
    assert_eq!(made.into_iter().collect::<BTreeSet<_>>().len(), CALLS);
}

async fn at_once<T, F>(sessions: &Sessions, call: impl Fn(Sessions, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    (0..CALLS).map(|number| call(sessions.clone(), number)).collect::<JoinSet<_>>().join_all().await
}
