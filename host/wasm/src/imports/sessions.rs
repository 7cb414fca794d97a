//! `corral:host/sessions`: the conversation between turns.
//!
//! Calls are boxed: asking a server takes a large future, which each guest's task would carry about.

use super::wit::corral::host::{
    sessions::{Error, Host, Session, Turn},
    types::Entry,
};
use crate::guest::{Effects, State};
use corral_sessions as backend;
use corral_telemetry::calls::Interface;
use wasmtime::component::HasData;

pub(super) struct Sessions;

impl HasData for Sessions {
    type Data<'a> = View<'a>;
}

pub(super) struct View<'a> {
    calls: Interface<'a>,
    sessions: &'a backend::Sessions,
    effects: &'a Effects,
}

pub(super) fn view(state: &mut State) -> View<'_> {
    View {
        calls: state.services.calls.of("sessions"),
        sessions: &state.services.sessions,
        effects: &state.effects,
    }
}

impl Host for View<'_> {
    async fn create(&mut self) -> wasmtime::Result<Result<String, Error>> {
        if self.effects.discarded {
            return Ok(Ok(uuid::Uuid::new_v4().to_string()));
        }
        Ok(self.calls.time("create", Box::pin(self.sessions.create())).await.map_err(Error::from))
    }

    async fn get(
        &mut self,
        id: String,
        last: Option<u32>,
    ) -> wasmtime::Result<Result<Option<Session>, Error>> {
        let found = self.calls.time("get", Box::pin(self.sessions.get(&id, last))).await;
        Ok(found.map(|session| session.map(Session::from)).map_err(Error::from))
    }

    async fn append(
        &mut self,
        id: String,
        turn: Turn,
        turn_id: String,
    ) -> wasmtime::Result<Result<u32, Error>> {
        self.effects.tell(&turn.ai);
        if self.effects.discarded {
            return Ok(Ok(1));
        }
        let turn = backend::Turn { user: turn.user, ai: turn.ai };
        let appended =
            self.calls.time("append", Box::pin(self.sessions.append(&id, turn.clone(), &turn_id))).await;
        if matches!(appended, Err(backend::Error::Unavailable(_)))
            && !self.sessions.append_later(&id, turn, &turn_id)
        {
            tracing::warn!("a turn is lost: too many wait for the session store");
        }
        Ok(appended.map_err(Error::from))
    }

    async fn set_metadata(&mut self, id: String, entry: Entry) -> wasmtime::Result<Result<(), Error>> {
        if self.effects.discarded {
            return Ok(Ok(()));
        }
        Ok(self
            .calls
            .time("set-metadata", Box::pin(self.sessions.set_metadata(&id, &entry.key, &entry.value)))
            .await
            .map_err(Error::from))
    }

    async fn delete(&mut self, id: String) -> wasmtime::Result<Result<bool, Error>> {
        if self.effects.discarded {
            return Ok(Ok(true));
        }
        Ok(self.calls.time("delete", Box::pin(self.sessions.delete(&id))).await.map_err(Error::from))
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
            backend::Error::Unavailable(cause) => {
                tracing::warn!(cause, "session store unavailable");
                Self::Unavailable
            }
        }
    }
}
