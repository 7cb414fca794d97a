//! How large a session and its parts may be, the same for every store.
//!
//! Not here: how large a request may be (the server decides).

use crate::{Error, Turn};
use std::time::Duration;

/// What turns and metadata of one session may add up to, each counted by [`turn_size`] and
/// [`entry_size`].
pub const SESSION_BYTES: u32 = 16 << 20;
/// How many metadata entries a session may have.
pub const ENTRIES: usize = 64;
/// How many expired sessions are told of at once.
pub const EXPIRED: u32 = 256;

const ID_BYTES: usize = 128;
const TURN_ID_BYTES: usize = 128;
const KEY_BYTES: usize = 128;
const VALUE_BYTES: usize = 4 << 10;
/// Counted for a turn or an entry beside its texts, so that empty ones cannot be endless.
const FRAME_BYTES: usize = 32;

/// Keys under which a session document carries the store's own timestamps.
const RESERVED: [&str; 2] = ["created_at", "last_updated"];

pub fn turn_size(turn: &Turn, turn_id: &str) -> u32 {
    size([&turn.user, &turn.ai, turn_id])
}

pub fn entry_size(key: &str, value: &str) -> u32 {
    size([key, value])
}

/// Refuses to let a session grow past its limit.
pub fn check_session(bytes: u32) -> Result<(), Error> {
    if bytes > SESSION_BYTES {
        return Err(Error::TooLarge { limit: SESSION_BYTES.into() });
    }
    Ok(())
}

/// Refuses one metadata entry too many.
pub fn check_entries(entries: usize) -> Result<(), Error> {
    if entries > ENTRIES {
        return Err(Error::InvalidArgument(format!("a session has at most {ENTRIES} metadata entries")));
    }
    Ok(())
}

/// For ids that come from another store; a caller's id that is not stored is just unknown.
pub fn check_id(id: &str) -> Result<(), Error> {
    check_length("session id", id, ID_BYTES)
}

pub fn check_turn_id(turn_id: &str) -> Result<(), Error> {
    check_length("turn id", turn_id, TURN_ID_BYTES)
}

pub fn check_entry(key: &str, value: &str) -> Result<(), Error> {
    check_length("metadata key", key, KEY_BYTES)?;
    if RESERVED.contains(&key) {
        return Err(Error::InvalidArgument(format!("metadata key `{key}` is kept by the store")));
    }
    if value.len() > VALUE_BYTES {
        return Err(Error::TooLarge { limit: VALUE_BYTES as u64 });
    }
    Ok(())
}

pub fn check_expire_after(expire_after: Duration) -> Result<(), Error> {
    if expire_after < Duration::from_millis(1) {
        return Err(Error::InvalidArgument(
            "sessions.expire_after: expected a duration above zero, such as \"1h\"".to_owned(),
        ));
    }
    Ok(())
}

/// More than `u32` holds is too large all the same.
fn size<const N: usize>(texts: [&str; N]) -> u32 {
    let bytes = texts.iter().fold(FRAME_BYTES, |bytes, text| bytes.saturating_add(text.len()));
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn check_length(what: &str, value: &str, most: usize) -> Result<(), Error> {
    if value.is_empty() || value.len() > most {
        let length = value.len();
        return Err(Error::InvalidArgument(format!("{what} of {length} bytes, expected 1 to {most}")));
    }
    Ok(())
}
