//! What is told of models and answers, in the contract's types.

use super::super::milliseconds;
use crate::{
    corral::host::inference::{
        Candidate, Done, Error, Event, Finish, Model, Overflow, Scored, Template, Usage,
    },
    log::log,
    services::Unavailable,
};
use corral_spin_inference as backend;

impl From<backend::Model> for Model {
    fn from(model: backend::Model) -> Self {
        let template = match model.template {
            backend::Template::Llama2 => Template::Llama2,
            backend::Template::Embedded => Template::Embedded,
            backend::Template::None => Template::None,
        };
        let backend::Model { name, context_length, adapters, .. } = model;
        Self { name, context_length, template, adapters }
    }
}

/// Calls are only made of tools, and none are offered.
pub fn told(event: backend::Event) -> Option<Event> {
    Some(match event {
        backend::Event::Delta(text) => Event::Delta(text),
        backend::Event::Scored(tokens) => Event::Scored(tokens.into_iter().map(Scored::from).collect()),
        backend::Event::Done { finish, usage } => {
            let finish = match finish {
                backend::Finish::Stop => Finish::Stop,
                backend::Finish::Length => Finish::Length,
            };
            Event::Done(Done { finish, usage: usage.into() })
        }
        backend::Event::Call(_) => return None,
    })
}

impl From<backend::Scored> for Scored {
    fn from(scored: backend::Scored) -> Self {
        let likeliest = scored.likeliest.into_iter().map(Candidate::from).collect();
        Self { chosen: scored.chosen.into(), likeliest }
    }
}

impl From<backend::Candidate> for Candidate {
    fn from(candidate: backend::Candidate) -> Self {
        let backend::Candidate { id, bytes, log_probability } = candidate;
        Self { id, bytes, log_probability }
    }
}

impl From<backend::Usage> for Usage {
    fn from(usage: backend::Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            cached_tokens: usage.cached_tokens,
            completion_tokens: usage.completion_tokens,
            queue_ms: usage.queue_ms,
            first_token_ms: usage.first_token_ms,
            total_ms: usage.total_ms,
        }
    }
}

impl From<backend::Error> for Error {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::ContextOverflow { need, have } => Self::ContextOverflow(Overflow { need, have }),
            backend::Error::Overloaded { retry_after } => Self::Overloaded(milliseconds(retry_after)),
            backend::Error::NoSuchModel => Self::NoSuchModel,
            backend::Error::InvalidArgument(what) => Self::InvalidArgument(what),
            backend::Error::Deadline => Self::Deadline,
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
