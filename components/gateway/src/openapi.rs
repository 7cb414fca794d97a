//! The description of the interface, for tools and people: `openapi.json` beside the sources.

use crate::reply::Reply;

const DOCUMENT: &[u8] = include_bytes!("../openapi.json");

pub fn reply() -> Reply {
    Reply::document(DOCUMENT)
}

/// What `HEAD` gets: the same without the body.
pub fn head() -> Reply {
    Reply::document(b"")
}
