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

impl Guest for Adapter {
    fn create() -> Result<String, Error> {
        let id = uuid::fresh();
        with_sessions(|sessions| sessions.create(&id))??;
        Ok(id)
    }

    fn get(id: String, last: Option<u32>) -> Result<Option<Session>, Error> {
        Ok(with_sessions(|sessions| sessions.get(&id, last))??.map(Session::from))
    }

    fn append(id: String, turn: Turn, turn_id: String) -> Result<u32, Error> {
        let turn = backend::Turn { user: turn.user, ai: turn.ai };
        Ok(with_sessions(|sessions| sessions.append(&id, &turn, &turn_id))??)
    }

    fn set_metadata(id: String, entry: Entry) -> Result<(), Error> {
        Ok(with_sessions(|sessions| sessions.set_metadata(&id, &entry.key, &entry.value))??)
    }

    fn delete(id: String) -> Result<bool, Error> {
        Ok(with_sessions(|sessions| sessions.delete(&id))??)
    }
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
