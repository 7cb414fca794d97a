//! Sessions as clients see them: made, read, deleted.
//!
//! Not here: turns (`chat.rs`).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::corral::host::sessions::{self, Session};
use crate::corral::host::{inference, vectors};
use crate::failure::Failure;
use crate::reply::Reply;

#[derive(Serialize)]
struct Created {
    session_id: String,
}

/// A session's document, as every client of the store knows it.
#[derive(Serialize)]
struct Document {
    session_id: String,
    metadata: BTreeMap<String, String>,
    history: Vec<Pair>,
}

#[derive(Serialize)]
struct Pair {
    user: String,
    ai: String,
}

pub fn create() -> Result<Reply, Failure> {
    Ok(Reply::ok(&Created { session_id: sessions::create()? }))
}

pub fn read(id: &str) -> Result<Reply, Failure> {
    let session = sessions::get(id, None)?.ok_or(Failure::SessionNotFound)?;
    Ok(Reply::ok(&Document::from(session)))
}

/// Deletes the session with its documents and cached state.
///
/// The session goes last: where a step fails it is still there, and a second try mends the first.
pub fn delete(id: &str) -> Result<Reply, Failure> {
    vectors::delete_partition(id)?;
    inference::forget(id)?;
    if sessions::delete(id)? { Ok(Reply::no_content()) } else { Err(Failure::SessionNotFound) }
}

/// Fails unless the session exists; its time to live starts anew.
pub fn require(id: &str) -> Result<(), Failure> {
    sessions::get(id, Some(0))?.map(drop).ok_or(Failure::SessionNotFound)
}

impl From<Session> for Document {
    fn from(session: Session) -> Self {
        let mut metadata: BTreeMap<_, _> =
            session.metadata.into_iter().map(|entry| (entry.key, entry.value)).collect();
        metadata.insert("created_at".to_owned(), session.created_at);
        metadata.insert("last_updated".to_owned(), session.last_updated);
        let history = session.history.into_iter().map(|turn| Pair { user: turn.user, ai: turn.ai }).collect();
        Self { session_id: session.id, metadata, history }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corral::host::types::Entry;

    #[test]
    fn a_session_reads_as_the_document_that_clients_know() {
        let session = Session {
            id: "s".to_owned(),
            created_at: "2026-01-31T08:15:30.123456Z".to_owned(),
            last_updated: "2026-01-31T08:16:00.000000Z".to_owned(),
            history: vec![sessions::Turn { user: "Hello".to_owned(), ai: "Hi there!".to_owned() }],
            turns: 1,
            metadata: vec![Entry { key: "title".to_owned(), value: "Greetings".to_owned() }],
        };
        let json = serde_json::to_value(Document::from(session)).unwrap();
        let expected = serde_json::json!({
            "session_id": "s",
            "metadata": {
                "created_at": "2026-01-31T08:15:30.123456Z",
                "last_updated": "2026-01-31T08:16:00.000000Z",
                "title": "Greetings",
            },
            "history": [{"user": "Hello", "ai": "Hi there!"}],
        });
        assert_eq!(json, expected);
    }
}
