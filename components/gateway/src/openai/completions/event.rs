//! What happens in an answer, whether the model gives it or the chat logic, as a session's turn.

use crate::corral::chat::turns;
use crate::corral::host::inference::{self, Finish, Scored, ToolCall, Usage};

pub enum Event {
    Sources(Vec<turns::Source>),
    Trimmed(turns::Trimmed),
    /// Tokens whose text is in the next delta.
    Scored(Vec<Scored>),
    Delta(String),
    Call(ToolCall),
    Waiting,
    Done(Done),
}

pub struct Done {
    pub finish: Finish,
    pub usage: Usage,
    /// Whether the turn is stored, if it is one.
    pub persisted: Option<bool>,
}

impl From<inference::Event> for Event {
    fn from(event: inference::Event) -> Self {
        match event {
            inference::Event::Scored(tokens) => Self::Scored(tokens),
            inference::Event::Delta(text) => Self::Delta(text),
            inference::Event::Waiting => Self::Waiting,
            inference::Event::Done(inference::Done { finish, usage }) => {
                Self::Done(Done { finish, usage, persisted: None })
            }
        }
    }
}

impl From<inference::ToolEvent> for Event {
    fn from(event: inference::ToolEvent) -> Self {
        match event {
            inference::ToolEvent::Delta(text) => Self::Delta(text),
            inference::ToolEvent::Call(call) => Self::Call(call),
            inference::ToolEvent::Waiting => Self::Waiting,
            inference::ToolEvent::Done(inference::Done { finish, usage }) => {
                Self::Done(Done { finish, usage, persisted: None })
            }
        }
    }
}

impl From<turns::Event> for Event {
    fn from(event: turns::Event) -> Self {
        match event {
            turns::Event::Sources(sources) => Self::Sources(sources),
            turns::Event::Trimmed(trimmed) => Self::Trimmed(trimmed),
            turns::Event::Delta(text) => Self::Delta(text),
            turns::Event::Waiting => Self::Waiting,
            turns::Event::Done(turns::Done { finish, usage, persisted }) => {
                Self::Done(Done { finish, usage, persisted: Some(persisted) })
            }
        }
    }
}
