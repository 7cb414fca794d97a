//! What another client of the server finds.

use super::support::{self, cause, client, config, key, side_key, text};
use crate::conformance::{read, turn};
use corral_services::Redis;
use corral_sessions::{Error, Turn};

#[tokio::test]
async fn a_document_is_byte_for_byte_what_was_specified() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let id = sessions.create().await.unwrap();
    let session = read(&sessions, &id).await;
    let now = &session.created_at;
    let empty = format!(
        r#"{{"session_id":"{id}","metadata":{{"created_at":"{now}","last_updated":"{now}"}},"history":[]}}"#
    );
    assert_eq!(text(&mut client, &key(&id)).await, empty);

    sessions.append(&id, turn(1), "1").await.unwrap();
    sessions.set_metadata(&id, "title", "a \"horse\" 🐎").await.unwrap();
    let odd = Turn { user: "]}\n\\".to_owned(), ai: "\u{0}é".to_owned() };
    sessions.append(&id, odd, "2").await.unwrap();
    let updated = read(&sessions, &id).await.last_updated;
    let expected = [
        &format!(r#"{{"session_id":"{id}","metadata":{{"created_at":"{now}","last_updated":"{updated}","#),
        r#""title":"a \"horse\" 🐎"},"history":[{"user":"question 1","ai":"answer 1"},"#,
        r#"{"user":"]}\n\\","ai":"\u0000é"}]}"#,
    ];
    assert_eq!(text(&mut client, &key(&id)).await, expected.concat());
}

#[tokio::test]
async fn the_keys_are_the_documented_ones() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let id = sessions.create().await.unwrap();
    sessions.append(&id, turn(1), "1").await.unwrap();
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut client).await.unwrap();
    keys.sort();
    let mut expected = [key(&id), "session:expiry".to_owned(), side_key(&id)];
    expected.sort();
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn two_prefixes_share_nothing() {
    let server = Redis::start().await.unwrap();
    let mut other = config(&server);
    other.redis.prefix = "other[*]:".to_owned();
    let (sessions, others) = (support::open(&config(&server)).await, support::open(&other).await);
    let (id, theirs) = (sessions.create().await.unwrap(), others.create().await.unwrap());
    assert_eq!(others.get(&id, None).await.unwrap(), None);
    let exported = others.export(None, 100).await.unwrap();
    assert_eq!(exported.records.iter().map(|record| &record.session.id).collect::<Vec<_>>(), [&theirs]);
}

#[tokio::test]
async fn what_is_no_session_is_unavailable_and_its_content_is_told_to_nobody() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    for content in [
        &b"secret"[..],
        b"",
        b"{\"session_id\": \"secret\"}",
        b"{\"history\": [\"secret\"]}",
        b"{\"history\": {}, \"metadata\": \"secret\"}",
        b"secret \xff\xfe",
    ] {
        let () = redis::cmd("SET").arg(key("broken")).arg(content).query_async(&mut client).await.unwrap();
        for cause in [cause(sessions.get("broken", None).await), cause(sessions.record("broken").await)] {
            assert!(cause.contains("session:broken") && !cause.contains("secret"), "{cause}");
        }
        let page = sessions.export(None, 10).await.unwrap();
        assert_eq!((page.records, page.unread.len()), (Vec::new(), 1));
        let unread = &page.unread[0];
        assert!(unread.key == "session:broken" && !unread.cause.contains("secret"), "{unread:?}");
        let after: Vec<u8> = redis::cmd("GET").arg(key("broken")).query_async(&mut client).await.unwrap();
        assert_eq!(after, content, "reading changed it");
    }
    for content in ["secret", ""] {
        let () = redis::cmd("SET").arg(key("broken")).arg(content).query_async(&mut client).await.unwrap();
        let cause = cause(sessions.append("broken", turn(1), "1").await);
        assert!(cause.contains("session:broken") && !cause.contains("secret"), "{cause}");
        assert_eq!(text(&mut client, &key("broken")).await, content);
    }
}

#[tokio::test]
async fn a_key_of_another_type_is_named_with_the_servers_words() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let () = redis::cmd("LPUSH").arg(key("list")).arg("secret").query_async(&mut client).await.unwrap();
    for cause in [
        cause(sessions.get("list", None).await),
        cause(sessions.append("list", turn(1), "1").await),
        cause(sessions.set_metadata("list", "key", "value").await),
        cause(sessions.record("list").await),
    ] {
        assert!(cause.contains("session:list") && cause.contains("WRONGTYPE"), "{cause}");
        assert!(!cause.contains("secret") && !cause.contains("question"), "{cause}");
    }
    assert_eq!(sessions.export(None, 10).await.unwrap().records, [], "only texts are sessions");
}

#[tokio::test]
async fn the_index_is_no_session() {
    let server = Redis::start().await.unwrap();
    let sessions = support::open(&config(&server)).await;
    let id = sessions.create().await.unwrap();
    assert_eq!(sessions.get("expiry", None).await.unwrap(), None);
    assert!(!sessions.delete("expiry").await.unwrap());
    assert!(matches!(sessions.append("expiry", turn(1), "1").await, Err(Error::NotFound)));
    assert_eq!(sessions.export(None, 10).await.unwrap().records[0].session.id, id);
}

#[tokio::test]
async fn a_full_server_says_so_and_still_reads() {
    let server = Redis::start().await.unwrap();
    let (sessions, mut client) = (support::open(&config(&server)).await, client(&server).await);
    let id = sessions.create().await.unwrap();
    sessions.append(&id, turn(1), "1").await.unwrap();
    let before = text(&mut client, &key(&id)).await;
    let () =
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1").query_async(&mut client).await.unwrap();
    for cause in [
        cause(sessions.append(&id, turn(2), "2").await),
        cause(sessions.create().await),
        cause(sessions.set_metadata(&id, "key", "value").await),
    ] {
        assert!(cause.contains("OOM") && !cause.contains("question"), "{cause}");
    }
    assert_eq!(text(&mut client, &key(&id)).await, before, "half a turn was written");
    assert_eq!(read(&sessions, &id).await.history, [turn(1)]);
}
