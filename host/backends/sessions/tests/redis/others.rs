//! Other programs that write the same documents.

use super::support::{self, client, config, key, text};
use crate::conformance::{read, turn};
use corral_services::Redis;
use corral_sessions::Turn;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use std::{
    process::Command,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::{sleep, timeout};

const MOMENT: Duration = Duration::from_millis(2);

async fn set(client: &mut MultiplexedConnection, id: &str, document: &str) {
    let () =
        redis::cmd("SET").arg(key(id)).arg(document).arg("EX").arg(3600).query_async(client).await.unwrap();
}

/// As Python's `json.dumps` writes it.
fn dumped(id: &str) -> String {
    format!(
        r#"{{"session_id": "{id}", "history": [{{"user": "Hello", "ai": "Caf\u00e9", "rating": 4.50}}], "metadata": {{"created_at": "2026-01-31T08:15:30.123456", "last_updated": "2026-01-31T08:15:30.123456", "visits": 12345678901234567890123}}, "tags": [], "extra": {{"a": [1, 2]}}}}"#
    )
}

#[tokio::test]
async fn a_document_of_another_program_is_appended_to_and_keeps_what_is_not_ours() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    set(&mut client, "theirs", &dumped("theirs")).await;
    let before = read(&sessions, "theirs").await;
    assert_eq!((before.turns, before.created_at.as_str()), (1, "2026-01-31T08:15:30.123456"));
    assert_eq!(before.metadata["visits"], "12345678901234567890123");

    assert_eq!(sessions.append("theirs", turn(2), "2").await.unwrap(), 2);
    assert_eq!(sessions.append("theirs", turn(2), "2").await.unwrap(), 2);
    sessions.set_metadata("theirs", "title", "Horses").await.unwrap();
    assert_eq!(sessions.append("theirs", turn(3), "3").await.unwrap(), 3);

    let updated = read(&sessions, "theirs").await.last_updated;
    let expected = [
        r#"{"session_id":"theirs","metadata":{"created_at":"2026-01-31T08:15:30.123456","last_updated":""#,
        &updated,
        r#"","visits":12345678901234567890123,"title":"Horses"},"tags":[],"extra":{"a": [1, 2]},"history":["#,
        r#"{"user": "Hello", "ai": "Caf\u00e9", "rating": 4.50},"#,
        r#"{"user":"question 2","ai":"answer 2"},{"user":"question 3","ai":"answer 3"}]}"#,
    ];
    assert_eq!(text(&mut client, &key("theirs")).await, expected.concat());
}

#[tokio::test]
async fn what_only_python_writes_takes_a_turn() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let document = r#"{"history": [{"user": "a", "ai": null}, {"user": "\ud83d", "ai": "b"}], "metadata": {"score": NaN}}"#;
    set(&mut client, "theirs", document).await;
    assert_eq!(read(&sessions, "theirs").await.history[0], Turn { user: "a".to_owned(), ai: String::new() });
    assert_eq!(sessions.append("theirs", turn(3), "3").await.unwrap(), 3);
    sessions.set_metadata("theirs", "title", "Horses").await.unwrap();
    assert_eq!(sessions.append("theirs", turn(4), "4").await.unwrap(), 4);
    let session = read(&sessions, "theirs").await;
    assert_eq!((session.turns, &*session.metadata["score"]), (4, "NaN"));
    let kept = text(&mut client, &key("theirs")).await;
    assert!(kept.contains(r#"{"user": "a", "ai": null},{"user": "\ud83d", "ai": "b"}"#), "{kept}");
}

#[tokio::test]
async fn an_empty_history_of_another_program_takes_a_turn() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    for document in [
        "{}",
        r#"{"metadata": {}, "history": [ ]}"#,
        " {\n\"history\" : []\n}\n",
        r#"{"history":[],"tags":["a"]}"#,
    ] {
        set(&mut client, "theirs", document).await;
        let number = sessions.append("theirs", turn(1), document).await.unwrap();
        let session = read(&sessions, "theirs").await;
        assert_eq!((number, session.history.as_slice()), (1, [turn(1)].as_slice()), "{document}");
    }
}

/// In our layout to the first look, but the brackets at the end are not the history's.
#[tokio::test]
async fn a_turn_is_never_spliced_into_something_else() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let id = sessions.create().await.unwrap();
    sessions.append(&id, turn(1), "1").await.unwrap();
    let ours = text(&mut client, &key(&id)).await;
    set(&mut client, &id, &ours.replace("]}", r#"],"tags":[{"a":"b"}]}"#)).await;
    assert_eq!(sessions.append(&id, turn(2), "2").await.unwrap(), 2);
    let document: Value = serde_json::from_str(&text(&mut client, &key(&id)).await).unwrap();
    assert_eq!(document["tags"], json!([{"a": "b"}]));
    assert_eq!(document["history"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn pythons_client_reads_our_document_and_we_read_what_it_writes() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let id = sessions.create().await.unwrap();
    sessions.append(&id, Turn { user: "naïve 🐎".to_owned(), ai: "\"]}\"".to_owned() }, "1").await.unwrap();
    let script = r#"
import datetime, json, redis, sys
client = redis.Redis.from_url(sys.argv[1], decode_responses=True)
session = json.loads(client.get(sys.argv[2]))
assert session["history"] == [{"user": "naïve 🐎", "ai": "\"]}\""}], session
session["history"].append({"user": "from Python", "ai": "café"})
session["metadata"]["last_updated"] = datetime.datetime.utcnow().isoformat()
session["visits"] = 3
client.setex(sys.argv[2], 3600, json.dumps(session))
"#;
    let python = Command::new(corral_services::python().unwrap())
        .args(["-W", "ignore", "-c", script, &server.url(), &key(&id)])
        .output()
        .unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    assert_eq!(sessions.append(&id, turn(3), "3").await.unwrap(), 3);
    assert_eq!(sessions.append(&id, turn(1), "1").await.unwrap(), 1, "our own turn ids are still known");
    let session = read(&sessions, &id).await;
    assert_eq!(session.history[1], Turn { user: "from Python".to_owned(), ai: "café".to_owned() });
    assert_eq!(session.history[2], turn(3));
    let document: Value = serde_json::from_str(&text(&mut client, &key(&id)).await).unwrap();
    assert_eq!(document["visits"], 3);
}

/// Writes the document anew in another style, if nobody has changed it meanwhile.
async fn reformat(client: &mut MultiplexedConnection, id: &str) -> bool {
    let read = text(client, &key(id)).await;
    let document: Value = serde_json::from_str(&read).unwrap();
    let written = serde_json::to_string_pretty(&document).unwrap();
    let swap = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
                redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') return 1";
    redis::cmd("EVAL")
        .arg(swap)
        .arg(1)
        .arg(key(id))
        .arg(&read)
        .arg(&written)
        .query_async(client)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_when_three_write_at_once() {
    let server = Redis::start().await.unwrap();
    let both = [support::open(&config(&server)).await, support::open(&config(&server)).await];
    let id = both[0].create().await.unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let written = Arc::new(AtomicBool::new(false));
    let third = tokio::spawn({
        let (mut client, id) = (client(&server).await, id.clone());
        let (ended, written) = (Arc::clone(&ended), Arc::clone(&written));
        async move {
            while !ended.load(Ordering::Relaxed) {
                written.fetch_or(reformat(&mut client, &id).await, Ordering::Relaxed);
                sleep(MOMENT).await;
            }
        }
    });
    let appends = (0..8_usize).map(|writer| {
        let (sessions, id, written) = (both[writer % 2].clone(), id.clone(), Arc::clone(&written));
        async move {
            for number in (writer..200).step_by(8) {
                // The third one is always too late while all others write, where the machine is quick.
                while number >= 100 && !written.load(Ordering::Relaxed) {
                    sleep(MOMENT).await;
                }
                sessions.append(&id, turn(number), &number.to_string()).await.unwrap();
                if number % 16 == 0 {
                    sessions.set_metadata(&id, &format!("key {number}"), "value").await.unwrap();
                }
            }
        }
    });
    let appends = appends.collect::<tokio::task::JoinSet<_>>().join_all();
    timeout(Duration::from_secs(60), appends).await.expect("the third one never wrote");
    ended.store(true, Ordering::Relaxed);
    third.await.unwrap();
    let session = read(&both[0], &id).await;
    let mut users: Vec<_> = session.history.into_iter().map(|turn| turn.user).collect();
    let mut expected: Vec<_> = (0..200).map(|number| turn(number).user).collect();
    users.sort();
    expected.sort();
    assert_eq!(users, expected);
    assert_eq!(session.metadata.len(), 13);
}
