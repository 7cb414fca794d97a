//! Times to live: sliding, and nothing that stays for ever.

use super::support::{self, HOUR, client, config, key, side_key, time_to_live};
use crate::conformance::{read, turn};
use corral_services::Redis;
use std::time::Duration;
use tokio::time::sleep;

const MILLISECONDS: i64 = 3_600_000;

#[tokio::test]
async fn reading_and_writing_start_all_times_to_live_anew() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let id = sessions.create().await.unwrap();
    for way in 0..3 {
        for key in [key(&id), side_key(&id)] {
            let () =
                redis::cmd("PEXPIRE").arg(key).arg(MILLISECONDS / 2).query_async(&mut client).await.unwrap();
        }
        let () =
            redis::cmd("ZADD").arg("session:expiry").arg(1).arg(&id).query_async(&mut client).await.unwrap();
        match way {
            0 => drop(read(&sessions, &id).await),
            1 => drop(sessions.append(&id, turn(1), "1").await.unwrap()),
            _ => sessions.set_metadata(&id, "key", "value").await.unwrap(),
        }
        for key in [key(&id), side_key(&id)] {
            assert!(time_to_live(&mut client, &key).await > MILLISECONDS * 3 / 4, "{key} by way {way}");
        }
        let due: f64 =
            redis::cmd("ZSCORE").arg("session:expiry").arg(&id).query_async(&mut client).await.unwrap();
        assert!(due > 1.0, "the index by way {way}");
    }
}

#[tokio::test]
async fn a_read_writes_only_when_a_hundredth_of_the_time_to_live_has_passed() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let id = sessions.create().await.unwrap();
    let () = redis::cmd("ZADD").arg("session:expiry").arg(1).arg(&id).query_async(&mut client).await.unwrap();
    read(&sessions, &id).await;
    let due: f64 =
        redis::cmd("ZSCORE").arg("session:expiry").arg(&id).query_async(&mut client).await.unwrap();
    assert!((due - 1.0).abs() < 0.5, "a read wrote");
    let later = MILLISECONDS * 98 / 100;
    let () = redis::cmd("PEXPIRE").arg(key(&id)).arg(later).query_async(&mut client).await.unwrap();
    read(&sessions, &id).await;
    assert!(time_to_live(&mut client, &key(&id)).await > later);
}

#[tokio::test]
async fn a_record_is_read_without_starting_the_time_to_live_anew() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let id = sessions.create().await.unwrap();
    let () =
        redis::cmd("PEXPIRE").arg(key(&id)).arg(MILLISECONDS / 2).query_async(&mut client).await.unwrap();
    let record = sessions.record(&id).await.unwrap().unwrap();
    assert!(record.expires_in <= HOUR / 2 && record.expires_in > HOUR / 4, "{:?}", record.expires_in);
    assert!(time_to_live(&mut client, &key(&id)).await <= MILLISECONDS / 2);
}

#[tokio::test]
async fn a_document_without_a_time_to_live_gets_one_when_it_is_used() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    for id in ["read", "written"] {
        let () = redis::cmd("SET").arg(key(id)).arg("{}").query_async(&mut client).await.unwrap();
    }
    read(&sessions, "read").await;
    sessions.append("written", turn(1), "1").await.unwrap();
    for id in ["read", "written"] {
        assert!(time_to_live(&mut client, &key(id)).await > 0, "{id}");
    }
}

#[tokio::test]
async fn a_session_that_another_client_used_is_not_told_of() {
    let server = Redis::start().await.unwrap();
    let mut short = config(&server);
    short.expire_after = Duration::from_secs(1);
    let (sessions, mut client) = (support::open(&short).await, client(&server).await);
    let (used, unused) = (sessions.create().await.unwrap(), sessions.create().await.unwrap());
    let () = redis::cmd("EXPIRE").arg(key(&used)).arg(3600).query_async(&mut client).await.unwrap();
    sleep(short.expire_after + Duration::from_millis(20)).await;
    assert_eq!(sessions.expired().await.unwrap(), [unused]);
    let due: f64 =
        redis::cmd("ZSCORE").arg("session:expiry").arg(&used).query_async(&mut client).await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as f64;
    assert!(due > now, "it is looked at again too early");
    sessions.purge(&used).await.unwrap();
    assert!(sessions.get(&used, None).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_strange_in_the_index_is_told_to_nobody_and_goes() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let () = redis::cmd("ZADD")
        .arg("session:expiry")
        .arg(1)
        .arg("*")
        .arg(2)
        .arg(&b"\xff"[..])
        .arg(3)
        .arg("gone")
        .query_async(&mut client)
        .await
        .unwrap();
    assert_eq!(sessions.expired().await.unwrap(), ["gone"]);
    let left: Vec<String> = redis::cmd("ZRANGEBYSCORE")
        .arg("session:expiry")
        .arg("-inf")
        .arg(1)
        .query_async(&mut client)
        .await
        .unwrap();
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn nothing_stays_for_ever() {
    let server = Redis::start().await.unwrap();
    let mut short = config(&server);
    short.expire_after = Duration::from_secs(1);
    let (sessions, mut client) = (support::open(&short).await, client(&server).await);
    for number in 0..3 {
        let id = sessions.create().await.unwrap();
        sessions.append(&id, turn(number), "1").await.unwrap();
        sessions.set_metadata(&id, "key", "value").await.unwrap();
    }
    let deleted = sessions.create().await.unwrap();
    sessions.append(&deleted, turn(1), "1").await.unwrap();
    assert!(sessions.delete(&deleted).await.unwrap());
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut client).await.unwrap();
    assert_eq!(keys.len(), 7, "{keys:?}");
    for key in keys.iter().filter(|key| *key != "session:expiry") {
        assert!(time_to_live(&mut client, key).await > 0, "{key}");
    }
    sleep(short.expire_after + Duration::from_millis(20)).await;
    for id in sessions.expired().await.unwrap() {
        sessions.purge(&id).await.unwrap();
    }
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut client).await.unwrap();
    assert_eq!(keys, [""; 0]);
}
