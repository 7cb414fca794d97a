//! `corral:host/sessions`: the conversation between turns.

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
    set_aside: &'a mut Option<SetAside>,
}

/// A session's newest turn, for which the request at hand brings another one.
#[derive(Debug)]
pub(crate) struct SetAside {
    session: String,
    /// As many turns as the session had, this one included.
    number: u32,
}

pub(super) fn view(state: &mut State) -> View<'_> {
    View {
        calls: state.services.calls.of("sessions"),
        sessions: &state.services.sessions,
        effects: &state.effects,
        set_aside: &mut state.set_aside,
    }
}

impl Host for View<'_> {
    async fn create(&mut self) -> wasmtime::Result<Result<String, Error>> {
        if self.effects.discarded {
            return Ok(Ok(uuid::Uuid::new_v4().to_string()));
        }
        Ok(self.calls.time("create", self.sessions.create()).await.map_err(Error::from))
    }

    async fn get(
        &mut self,
        id: String,
        last: Option<u32>,
    ) -> wasmtime::Result<Result<Option<Session>, Error>> {
        let hidden = self.set_aside.as_ref().filter(|turn| turn.session == id);
        // One more, in the place of the one that is left out.
        let read = last.map(|last| last.saturating_add(u32::from(hidden.is_some())));
        let found = self.calls.time("get", self.sessions.get(&id, read)).await;
        let without = |session: backend::Session| match hidden {
            Some(turn) => session.without_turn(turn.number, last),
            None => session,
        };
        Ok(found.map(|session| session.map(without).map(Session::from)).map_err(Error::from))
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
        let replaces = self.set_aside.take_if(|aside| aside.session == id).map(|aside| aside.number);
        let stored = async {
            match replaces {
                Some(number) => self.sessions.replace(&id, turn.clone(), &turn_id, number).await,
                None => self.sessions.append(&id, turn.clone(), &turn_id).await,
            }
        };
        let stored = self.calls.time("append", Box::pin(stored)).await;
        if matches!(stored, Err(backend::Error::Unavailable(_)))
            && !self.sessions.append_later(&id, turn, &turn_id, replaces)
        {
            tracing::warn!("a turn is lost: too many wait for the session store");
        }
        Ok(stored.map_err(Error::from))
    }

    async fn set_aside(&mut self, id: String, number: u32) -> wasmtime::Result<Result<bool, Error>> {
        let found = self.calls.time("set-aside", self.sessions.get(&id, Some(0))).await;
        Ok(match found {
            Ok(Some(session)) => {
                let newest = number > 0 && session.turns == number;
                *self.set_aside = newest.then_some(SetAside { session: id, number });
                Ok(newest)
            }
            Ok(None) => Err(Error::NotFound),
            Err(error) => Err(Error::from(error)),
        })
    }

    async fn set_metadata(&mut self, id: String, entry: Entry) -> wasmtime::Result<Result<(), Error>> {
        if self.effects.discarded {
            return Ok(Ok(()));
        }
        Ok(self
            .calls
            .time("set-metadata", self.sessions.set_metadata(&id, &entry.key, &entry.value))
            .await
            .map_err(Error::from))
    }

    async fn delete(&mut self, id: String) -> wasmtime::Result<Result<bool, Error>> {
        if self.effects.discarded {
            return Ok(Ok(true));
        }
        Ok(self.calls.time("delete", self.sessions.delete(&id)).await.map_err(Error::from))
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
