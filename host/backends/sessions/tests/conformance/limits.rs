//! What a store refuses, and that refusing changes nothing.

use super::{read, turn};
use corral_sessions::{Error, Sessions, Turn};
use std::time::Duration;

pub const EXPIRE_AFTER: Duration = Duration::from_secs(3600);

pub async fn turn_ids_have_1_to_128_bytes(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    for refused in [String::new(), "x".repeat(129), "ä".repeat(65)] {
        let answer = sessions.append(&id, turn(1), &refused).await;
        assert!(matches!(answer, Err(Error::InvalidArgument(_))), "{answer:?}");
    }
    assert_eq!(sessions.append(&id, turn(1), &"ä".repeat(64)).await.unwrap(), 1);
}

pub async fn metadata_keys_have_1_to_128_bytes(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    for refused in [String::new(), "k".repeat(129)] {
        let answer = sessions.set_metadata(&id, &refused, "value").await;
        assert!(matches!(answer, Err(Error::InvalidArgument(_))), "{answer:?}");
    }
    sessions.set_metadata(&id, &"k".repeat(128), "value").await.unwrap();
}

pub async fn metadata_values_have_at_most_4_kib(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    let answer = sessions.set_metadata(&id, "key", &"v".repeat(4097)).await;
    assert!(matches!(answer, Err(Error::TooLarge { limit: 4096 })), "{answer:?}");
    assert!(read(sessions, &id).await.metadata.is_empty());
    sessions.set_metadata(&id, "key", &"v".repeat(4096)).await.unwrap();
}

pub async fn the_timestamps_are_not_for_setting(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    for key in ["created_at", "last_updated"] {
        let answer = sessions.set_metadata(&id, key, "1970-01-01T00:00:00.000000Z").await;
        assert!(matches!(answer, Err(Error::InvalidArgument(_))), "{answer:?}");
    }
    assert!(read(sessions, &id).await.metadata.is_empty());
}

pub async fn a_session_has_at_most_64_metadata_entries(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    for number in 0..64 {
        sessions.set_metadata(&id, &format!("key {number}"), "value").await.unwrap();
    }
    let answer = sessions.set_metadata(&id, "one more", "value").await;
    assert!(matches!(answer, Err(Error::InvalidArgument(_))), "{answer:?}");
    sessions.set_metadata(&id, "key 7", "replaced").await.unwrap();
    let metadata = read(sessions, &id).await.metadata;
    assert_eq!((metadata.len(), metadata["key 7"].as_str()), (64, "replaced"));
}

pub async fn a_session_has_at_most_16_mib(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    let half = Turn { user: "u".repeat(4 << 20), ai: "a".repeat(4 << 20) };
    sessions.append(&id, half.clone(), "1").await.unwrap();
    let answer = sessions.append(&id, half.clone(), "2").await;
    assert!(matches!(answer, Err(Error::TooLarge { limit: 16_777_216 })), "{answer:?}");
    assert_eq!(read(sessions, &id).await.history, std::slice::from_ref(&half), "both halves or neither");
    assert_eq!(sessions.append(&id, half, "1").await.unwrap(), 1, "a retry is no growth");
    assert_eq!(sessions.append(&id, turn(2), "2").await.unwrap(), 2, "a smaller one fits");
}

pub async fn no_id_is_dangerous(sessions: &Sessions) {
    let id = sessions.create().await.unwrap();
    for hostile in
        ["", "*", "' OR ''='", "../../etc/passwd", "\u{0}", &"x".repeat(1 << 20), &format!("{id}\u{0}")]
    {
        assert_eq!(sessions.get(hostile, None).await.unwrap(), None);
        assert!(!sessions.delete(hostile).await.unwrap());
        assert!(matches!(sessions.append(hostile, turn(1), "1").await, Err(Error::NotFound)));
    }
    read(sessions, &id).await;
}
