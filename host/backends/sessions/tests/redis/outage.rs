//! Servers and networks that fail, and come back.

use super::support::{self, cause, config, config_of, eventually};
use crate::conformance::{read, turn};
use corral_services::{Fault, Proxy, Redis};
use corral_sessions::{Error, Sessions};
use std::time::Duration;
use tokio::time::timeout;

/// What a call may take, and then as much again for a machine that is busy.
const GENEROUS: Duration = Duration::from_secs(10);

async fn through(proxy: &Proxy) -> Sessions {
    support::open(&config_of(&format!("redis://127.0.0.1:{}/0", proxy.port()))).await
}

#[tokio::test]
async fn a_server_that_was_killed_is_used_again_when_it_is_back() {
    let mut server = Redis::start_with(&["--appendfsync", "always"]).await.unwrap();
    let sessions = support::open(&config(&server)).await;
    let id = sessions.create().await.unwrap();
    sessions.append(&id, turn(1), "1").await.unwrap();
    server.kill().await.unwrap();
    cause(sessions.get(&id, None).await);
    cause(sessions.append(&id, turn(2), "2").await);
    cause(sessions.ping().await);
    server.restart().await.unwrap();
    assert_eq!(eventually(async || sessions.append(&id, turn(2), "2").await).await, 2);
    assert_eq!(read(&sessions, &id).await.history, [turn(1), turn(2)]);
}

#[tokio::test]
async fn a_restart_between_two_calls_is_not_noticed() {
    let mut server = Redis::start_with(&["--appendfsync", "always"]).await.unwrap();
    let sessions = support::open(&config(&server)).await;
    let id = sessions.create().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(sessions.append(&id, turn(1), "1").await.unwrap(), 1);
    server.restart().await.unwrap();
    assert_eq!(read(&sessions, &id).await.history, [turn(1)]);
    server.restart().await.unwrap();
    sessions.create().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_is_used_when_it_is_up() {
    let mut server = Redis::start().await.unwrap();
    server.kill().await.unwrap();
    let sessions = support::open(&config(&server)).await;
    cause(sessions.create().await);
    server.restart().await.unwrap();
    let id = eventually(async || sessions.create().await).await;
    read(&sessions, &id).await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_unavailable_in_time() {
    let server = Redis::start().await.unwrap();
    let sessions = support::open(&config(&server)).await;
    let id = sessions.create().await.unwrap();
    server.pause().await.unwrap();
    let calls = async {
        tokio::join!(
            async { cause(sessions.get(&id, None).await) },
            async { cause(sessions.append(&id, turn(1), "1").await) },
            async { cause(sessions.set_metadata(&id, "key", "value").await) },
            async { cause(sessions.create().await) },
            async { cause(sessions.delete("unknown").await) },
            async { cause(sessions.ping().await) },
            async { cause(sessions.expired().await) },
            async { cause(sessions.purge(&id).await) },
            async { cause(sessions.export(None, 10).await) },
            async { cause(sessions.record(&id).await) },
        )
    };
    Box::pin(timeout(GENEROUS, calls)).await.expect("a call did not end");
    server.resume().await.unwrap();
    assert_eq!(eventually(async || sessions.append(&id, turn(1), "1").await).await, 1);
    assert_eq!(read(&sessions, &id).await.history, [turn(1)]);
}

#[tokio::test]
async fn a_silent_network_is_unavailable_in_time_at_the_start_too() {
    let server = Redis::start().await.unwrap();
    let proxy = Proxy::to(server.port()).await.unwrap();
    proxy.set(Fault::Stall);
    let sessions = timeout(GENEROUS, through(&proxy)).await.expect("opening did not end");
    timeout(GENEROUS, async { cause(sessions.create().await) }).await.expect("a call did not end");
    proxy.set(Fault::None);
    eventually(async || sessions.create().await).await;
}

#[tokio::test]
async fn a_lost_connection_is_made_anew() {
    let server = Redis::start().await.unwrap();
    let proxy = Proxy::to(server.port()).await.unwrap();
    let sessions = through(&proxy).await;
    let id = sessions.create().await.unwrap();
    for number in 1..=5 {
        proxy.set(Fault::Refuse);
        cause(sessions.get(&id, None).await);
        proxy.set(Fault::None);
        let turn_id = number.to_string();
        let append = async || sessions.append(&id, turn(number as usize), &turn_id).await;
        assert_eq!(eventually(append).await, number);
    }
}

#[tokio::test]
async fn a_turn_whose_answer_was_lost_is_one_turn() {
    let server = Redis::start().await.unwrap();
    let proxy = Proxy::to(server.port()).await.unwrap();
    let (direct, sessions) = (support::open(&config(&server)).await, through(&proxy).await);
    let id = sessions.create().await.unwrap();
    sessions.append(&id, turn(1), "1").await.unwrap();
    proxy.set(Fault::Cut);
    cause(sessions.append(&id, turn(2), "2").await);
    assert_eq!(read(&direct, &id).await.history, [turn(1), turn(2)], "the server has it all the same");
    proxy.set(Fault::None);
    assert_eq!(eventually(async || sessions.append(&id, turn(2), "2").await).await, 2);
    assert_eq!(read(&sessions, &id).await.history, [turn(1), turn(2)]);
}

#[tokio::test]
async fn a_bad_network_loses_and_doubles_nothing() {
    let server = Redis::start().await.unwrap();
    let proxy = Proxy::to(server.port()).await.unwrap();
    let (direct, sessions) = (support::open(&config(&server)).await, through(&proxy).await);
    let id = direct.create().await.unwrap();
    let breaking = async {
        for fault in
            [Fault::Reset, Fault::Cut, Fault::Slow(Duration::from_millis(5)), Fault::Refuse].iter().cycle()
        {
            proxy.set(*fault);
            tokio::time::sleep(Duration::from_millis(30)).await;
            proxy.set(Fault::None);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    let appending = async {
        for number in 0..100 {
            let turn_id = number.to_string();
            eventually(async || sessions.append(&id, turn(number), &turn_id).await).await;
        }
    };
    tokio::select! {
        () = breaking => {}
        () = appending => {}
    }
    assert_eq!(read(&direct, &id).await.history, (0..100).map(turn).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_that_was_given_up_harms_no_other() {
    let server = Redis::start().await.unwrap();
    let sessions = support::open(&config(&server)).await;
    let id = sessions.create().await.unwrap();
    for number in 0..50 {
        let _given_up = timeout(Duration::ZERO, sessions.append(&id, turn(number), "given up")).await;
        assert!(!matches!(sessions.get(&id, Some(0)).await, Err(Error::Unavailable(_))));
    }
    assert!(read(&sessions, &id).await.turns <= 1);
}
