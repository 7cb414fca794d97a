//! Moving sessions from store to store.

use super::support::{self, client, config, key, side_key, text};
use crate::conformance::turn;
use corral_services::Redis;
use corral_sessions::{Config, Error, Record, Sessions, Turn};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

async fn embedded(folder: &tempfile::TempDir) -> Sessions {
    Sessions::open(&Config::default(), &folder.path().join("corral.db")).await.unwrap()
}

/// Every record by its id. The store is opened anew for each page.
async fn all(open: impl AsyncFn() -> Sessions, limit: u32) -> BTreeMap<String, Record> {
    let (mut records, mut cursor) = (BTreeMap::new(), None);
    loop {
        let page = open().await.export(cursor.as_deref(), limit).await.unwrap();
        records.extend(page.records.into_iter().map(|record| (record.session.id.clone(), record)));
        cursor = page.next;
        if cursor.is_none() {
            return records;
        }
    }
}

async fn fill(sessions: &Sessions, count: usize) {
    for number in 0..count {
        let id = sessions.create().await.unwrap();
        for turns in 0..number % 4 {
            sessions.append(&id, turn(turns), &format!("turn {turns}")).await.unwrap();
        }
        sessions.set_metadata(&id, "number", &number.to_string()).await.unwrap();
    }
}

#[tokio::test]
async fn sessions_move_to_redis_and_back_unchanged() {
    let (server, folders) =
        (Redis::start().await.unwrap(), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    let (from, redis) = (embedded(&folders[0]).await, support::open(&config(&server)).await);
    fill(&from, 100).await;
    let before = all(async || from.clone(), 7).await;
    assert_eq!(before.len(), 100);
    for record in before.values() {
        redis.import(record).await.unwrap();
        redis.import(record).await.unwrap();
    }
    let moved = all(async || support::open(&config(&server)).await, 7).await;
    let back = embedded(&folders[1]).await;
    for (id, record) in &before {
        let (moved, read) = (&moved[id], redis.record(id).await.unwrap().unwrap());
        assert_eq!((&moved.session, &moved.turn_ids), (&record.session, &record.turn_ids));
        assert_eq!((moved.digest(), read.digest()), (record.digest(), record.digest()));
        assert!(moved.expires_in <= record.expires_in && moved.expires_in > record.expires_in / 2);
        back.import(moved).await.unwrap();
        let back = back.record(id).await.unwrap().unwrap();
        assert_eq!((&back.session, &back.turn_ids), (&record.session, &record.turn_ids));
    }
    let id = before.values().find(|record| record.session.turns == 3).unwrap().session.id.clone();
    for sessions in [&redis, &back] {
        assert_eq!(sessions.append(&id, turn(9), "turn 1").await.unwrap(), 2, "its turn ids have moved, too");
        assert_eq!(sessions.append(&id, turn(9), "new").await.unwrap(), 4);
        assert_eq!(sessions.expired().await.unwrap(), [""; 0]);
    }
}

#[tokio::test]
async fn sessions_of_another_program_move_without_turn_ids() {
    let (server, folder) = (Redis::start().await.unwrap(), tempfile::tempdir().unwrap());
    let (redis, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let document = r#"{"session_id": "theirs", "history": [{"user": "a", "ai": "b"}, {"user": "c", "ai": "d"}], "metadata": {"created_at": "2026-01-31T08:15:30", "last_updated": 1769847330.5, "visits": 3}}"#;
    let () = redis::cmd("SET")
        .arg(key("theirs"))
        .arg(document)
        .arg("EX")
        .arg(100)
        .query_async(&mut client)
        .await
        .unwrap();
    let record = redis.record("theirs").await.unwrap().unwrap();
    assert_eq!(record.turn_ids, [None, None]);
    let embedded = embedded(&folder).await;
    embedded.import(&record).await.unwrap();
    let moved = embedded.record("theirs").await.unwrap().unwrap();
    assert_eq!((moved.digest(), &moved.turn_ids), (record.digest(), &record.turn_ids));
    assert_eq!(moved.session.created_at, "2026-01-31T08:15:30.000000Z");
    assert_eq!(embedded.append("theirs", turn(3), "3").await.unwrap(), 3);
}

#[tokio::test]
async fn sessions_with_odd_times_move_to_the_embedded_store() {
    let (server, folder) = (Redis::start().await.unwrap(), tempfile::tempdir().unwrap());
    let (redis, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let embedded = embedded(&folder).await;
    let (time, unknown) = ("2026-01-31T08:15:30.500000Z", "1970-01-01T00:00:00.000000Z");
    for (metadata, created_at, last_updated) in [
        (r#"{"created_at": 1769847330500, "last_updated": "1769847330500"}"#, time, time),
        (r#"{"last_updated": "2026-01-31T08:15:30.5"}"#, time, time),
        (r#"{"created_at": "2026-01-31T08:15:30.5", "last_updated": null}"#, time, time),
        (r#"{"created_at": "yesterday"}"#, unknown, unknown),
        ("{}", unknown, unknown),
    ] {
        let document = format!(r#"{{"metadata": {metadata}}}"#);
        let () = redis::cmd("SET").arg(key("odd")).arg(document).query_async(&mut client).await.unwrap();
        let record = redis.record("odd").await.unwrap().unwrap();
        embedded.import(&record).await.unwrap();
        let moved = embedded.record("odd").await.unwrap().unwrap();
        assert_eq!(moved.digest(), record.digest(), "{metadata}");
        let session = moved.session;
        assert_eq!((session.created_at.as_str(), session.last_updated.as_str()), (created_at, last_updated));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_of_and_holds_up_no_session() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    fill(&sessions, 40).await;
    let id = sessions.create().await.unwrap();
    let mut others = redis::pipe();
    others.set(key("counter"), 5).set(key("of-flask"), &b"\x80\x04\xff"[..]).del(side_key(&id));
    others.set(side_key(&id), "of another type");
    let () = others.query_async(&mut client).await.unwrap();
    let (mut found, mut unread, mut cursor) = (BTreeSet::new(), BTreeSet::new(), None);
    loop {
        let page = sessions.export(cursor.as_deref(), 7).await.unwrap();
        found.extend(page.records.into_iter().map(|record| record.session.id));
        unread.extend(page.unread.into_iter().map(|unread| unread.key));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 40);
    assert_eq!(unread, [key("counter"), key("of-flask"), key(&id)].into());
}

#[tokio::test]
async fn an_import_replaces_what_is_there() {
    let (server, folder) = (Redis::start().await.unwrap(), tempfile::tempdir().unwrap());
    for sessions in [support::open(&config(&server)).await, embedded(&folder).await] {
        let id = sessions.create().await.unwrap();
        sessions.append(&id, turn(1), "1").await.unwrap();
        let mut record = sessions.record(&id).await.unwrap().unwrap();
        sessions.append(&id, turn(2), "2").await.unwrap();
        record.expires_in = Duration::from_secs(60);
        sessions.import(&record).await.unwrap();
        let after = sessions.record(&id).await.unwrap().unwrap();
        assert_eq!((&after.session, &after.turn_ids), (&record.session, &record.turn_ids));
        assert!(after.expires_in <= record.expires_in);
        assert_eq!(sessions.append(&id, turn(3), "2").await.unwrap(), 2, "an id of a turn that is gone");
    }
}

#[tokio::test]
async fn what_exceeds_a_limit_is_not_imported() {
    let (server, folder) = (Redis::start().await.unwrap(), tempfile::tempdir().unwrap());
    for sessions in [support::open(&config(&server)).await, embedded(&folder).await] {
        let id = sessions.create().await.unwrap();
        let good = sessions.record(&id).await.unwrap().unwrap();
        let mut large = good.clone();
        large.session.history = vec![Turn { user: "u".repeat(17 << 20), ai: String::new() }];
        (large.session.turns, large.turn_ids) = (1, vec![None]);
        assert!(matches!(sessions.import(&large).await, Err(Error::TooLarge { limit: 16_777_216 })));
        let mut crowded = good.clone();
        crowded.session.metadata = (0..65).map(|number| (number.to_string(), String::new())).collect();
        assert!(matches!(sessions.import(&crowded).await, Err(Error::InvalidArgument(_))));
        let mut nameless = good.clone();
        nameless.session.id = String::new();
        assert!(matches!(sessions.import(&nameless).await, Err(Error::InvalidArgument(_))));
        assert_eq!(sessions.record(&id).await.unwrap().unwrap().session, good.session);
        assert!(matches!(sessions.export(Some("no cursor"), 1).await, Err(Error::InvalidArgument(_))));
    }
}

#[tokio::test]
async fn a_page_is_bounded_among_many_other_keys() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let mut others = redis::pipe();
    for number in 0..5000 {
        others.set(format!("other:{number}"), "x").ignore();
    }
    let () = others.query_async(&mut client).await.unwrap();
    fill(&sessions, 200).await;
    let (mut cursor, mut count) = (None, 0);
    loop {
        let page = sessions.export(cursor.as_deref(), 10).await.unwrap();
        assert!(page.records.len() < 10 + 64, "{} records", page.records.len());
        count += page.records.len();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(count >= 200, "{count}");
    let id = sessions.create().await.unwrap();
    assert!(text(&mut client, &key(&id)).await.starts_with("{\"session_id\""));
}
