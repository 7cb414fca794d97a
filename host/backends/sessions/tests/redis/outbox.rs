//! Turns that wait for the server.

use super::support::{self, config};
use crate::conformance::{read, turn};
use corral_services::Redis;
use corral_sessions::{Sessions, Turn};
use std::time::Duration;
use tokio::time::{sleep, timeout};

async fn emptied(sessions: &Sessions) {
    emptied_to(sessions, 0).await;
}

async fn emptied_to(sessions: &Sessions, left: usize) {
    let empty = async {
        while sessions.waiting() > left {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), empty).await.expect("turns still wait");
}

#[tokio::test]
async fn turns_wait_while_the_server_is_away_and_are_appended_in_order() {
    let mut server = Redis::start_with(&["--appendfsync", "always"]).await.unwrap();
    let sessions = support::open(&config(&server)).await;
    let ids = [sessions.create().await.unwrap(), sessions.create().await.unwrap()];
    server.kill().await.unwrap();
    for number in 0..10 {
        for id in &ids {
            for _ in 0..2 {
                assert!(sessions.append_later(id, turn(number), &number.to_string(), None));
            }
        }
    }
    assert_eq!(sessions.waiting(), 20, "the same turn waits once");
    server.restart().await.unwrap();
    emptied(&sessions).await;
    for id in &ids {
        assert_eq!(read(&sessions, id).await.history, (0..10).map(turn).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_turn_for_no_session_or_without_an_id_does_not_wait() {
    let server = Redis::start().await.unwrap();
    let sessions = support::open(&config(&server)).await;
    let id = sessions.create().await.unwrap();
    assert!(sessions.append_later("unknown", turn(1), "1", None));
    assert!(sessions.append_later(&id, turn(1), "", None));
    assert!(sessions.append_later(&id, turn(2), "2", None));
    emptied(&sessions).await;
    assert_eq!(read(&sessions, &id).await.history, [turn(2)]);
}

#[tokio::test]
async fn one_session_that_cannot_be_written_holds_up_no_other() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, support::client(&server).await);
    let () =
        redis::cmd("SET").arg(support::key("broken")).arg("no JSON").query_async(&mut client).await.unwrap();
    let id = sessions.create().await.unwrap();
    assert!(sessions.append_later("broken", turn(1), "1", None));
    assert!(sessions.append_later(&id, turn(1), "1", None));
    emptied_to(&sessions, 1).await;
    assert_eq!(read(&sessions, &id).await.history, [turn(1)]);
}

#[tokio::test]
async fn only_so_many_turns_and_bytes_wait() {
    let mut server = Redis::start().await.unwrap();
    server.kill().await.unwrap();
    let sessions = support::open(&config(&server)).await;
    for number in 0..1024 {
        assert!(sessions.append_later("id", turn(number), &number.to_string(), None));
    }
    assert!(!sessions.append_later("id", turn(1), "one more", None));
    assert!(sessions.append_later("id", turn(1), "1", None), "it waits already");

    let large = support::open(&config(&server)).await;
    let half = Turn { user: "u".repeat(40 << 20), ai: String::new() };
    assert!(large.append_later("id", half.clone(), "1", None));
    assert!(!large.append_later("id", half, "2", None));
    assert_eq!((sessions.waiting(), large.waiting()), (1024, 1));
}
