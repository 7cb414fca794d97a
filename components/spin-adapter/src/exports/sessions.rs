//! `corral:host/sessions`.

use crate::{
    Adapter,
    corral::host::{
        sessions::{Error, Guest, Session, Turn},
        types::Entry,
    },
    log::log,
    services::{Unavailable, with_sessions},
    uuid,
};
use corral_spin_sessions as backend;
use std::cell::RefCell;

thread_local! {
    /// The session whose newest turn the request replaces, and that turn's number. An instance serves one request.
    static SET_ASIDE: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
}

impl Guest for Adapter {
    fn create() -> Result<String, Error> {
        let id = uuid::fresh();
        with_sessions(|sessions| sessions.create(&id))??;
        Ok(id)
    }

    fn get(id: String, last: Option<u32>) -> Result<Option<Session>, Error> {
        let hidden = set_aside(&id);
        // One more, in the place of the one that is left out.
        let read = last.map(|last| last.saturating_add(u32::from(hidden.is_some())));
        let session = with_sessions(|sessions| sessions.get(&id, read))??;
        let without = |session: backend::Session| match hidden {
            Some(number) => session.without_turn(number, last),
            None => session,
        };
        Ok(session.map(without).map(Session::from))
    }

    fn append(id: String, turn: Turn, turn_id: String) -> Result<u32, Error> {
        let turn = backend::Turn { user: turn.user, ai: turn.ai };
        Ok(match set_aside(&id) {
            Some(number) => {
                SET_ASIDE.take();
                with_sessions(|sessions| sessions.replace(&id, &turn, &turn_id, number))??
            }
            None => with_sessions(|sessions| sessions.append(&id, &turn, &turn_id))??,
        })
    }

    fn set_aside(id: String, number: u32) -> Result<bool, Error> {
        let session = with_sessions(|sessions| sessions.get(&id, Some(0)))??.ok_or(Error::NotFound)?;
        let newest = number > 0 && session.turns == number;
        SET_ASIDE.replace(newest.then_some((id, number)));
        Ok(newest)
    }

    fn set_metadata(id: String, entry: Entry) -> Result<(), Error> {
        Ok(with_sessions(|sessions| sessions.set_metadata(&id, &entry.key, &entry.value))??)
    }

    fn delete(id: String) -> Result<bool, Error> {
        Ok(with_sessions(|sessions| sessions.delete(&id))??)
    }
}

/// The number of the turn that was set aside in this session.
fn set_aside(id: &str) -> Option<u32> {
    SET_ASIDE
        .with_borrow(|aside| aside.as_ref().filter(|(session, _)| session == id).map(|(_, number)| *number))
}

impl From<backend::Session> for Session {
    fn from(session: backend::Session) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            last_updated: session.last_updated,
            history: session.history.into_iter().map(|turn| Turn { user: turn.user, ai: turn.ai }).collect(),
            turns: session.turns,
            metadata: session.metadata.into_iter().map(|(key, value)| Entry { key, value }).collect(),
        }
    }
}

impl From<backend::Error> for Error {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::NotFound => Self::NotFound,
            backend::Error::TooLarge { limit } => Self::TooLarge(limit),
            backend::Error::InvalidArgument(what) => Self::InvalidArgument(what),
            error @ backend::Error::Unavailable(_) => {
                log(error);
                Self::Unavailable
            }
        }
    }
}

impl From<Unavailable> for Error {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}
