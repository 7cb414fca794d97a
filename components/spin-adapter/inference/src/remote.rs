//! A server that speaks OpenAI's protocol: a Corral host, or any other. Its answers stream.
//!
//! The protocol is a host's own files (`host/backends/inference/src/remote`), linked here. One server, asked once:
//! which of several, and what after a failure, whoever stands before them decides.
//!
//! Not here: embeddings (`embedding/remote.rs`).

mod address;
mod answer;
mod chunk;
pub(crate) mod client;
mod estimate;
mod facts;
pub(crate) mod failure;
#[allow(dead_code, reason = "a host's; some of its fields are for its log")]
mod refusal;
mod request;
mod shared;
mod sse;
mod stream;

pub use address::Address;

use crate::{Config, Error, Generation, Input, Model, Models, Options, Owner, Template};
use client::{Client, Opening};
use corral_spin_platform::http::Http;
use facts::Facts;
use failure::Failure;
use request::Question;
use std::{cell::RefCell, rc::Rc, sync::Arc, time::Instant};
use stream::Stream;

/// About the most tokens that an input can have.
pub(crate) fn estimate(input: &Input) -> u32 {
    estimate::estimate(input)
}

/// What is asked of the server, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is.
    pub address: Address,
    /// Sent as a bearer token.
    pub token: Option<String>,
    /// The models to be named; empty: those that the server lists.
    pub names: Vec<String>,
    /// The model of the list that answers nothing.
    pub embedding: String,
    /// How many tokens prompt and answer may have together, where the server does not say.
    pub context: u32,
}

/// The server's models.
pub struct Remote {
    client: Client,
    settings: Settings,
    /// What it says of itself, asked for once.
    known: RefCell<Option<Rc<Facts>>>,
}

impl Remote {
    /// Asks nobody yet.
    pub fn new(http: Arc<dyn Http>, settings: Settings) -> Self {
        let client = Client::new(http, settings.address.clone(), settings.token.as_deref());
        Self { client, settings, known: RefCell::default() }
    }

    fn known(&self) -> Result<Rc<Facts>, Error> {
        if let Some(known) = &*self.known.borrow() {
            return Ok(Rc::clone(known));
        }
        let known = Rc::new(facts::ask(&self.client)?);
        *self.known.borrow_mut() = Some(Rc::clone(&known));
        Ok(known)
    }

    fn open(
        &self,
        question: &Question,
        model: &Model,
        facts: &Facts,
        max_tokens: u32,
    ) -> Result<Stream, Failure> {
        let body = question.body(&model.name, facts.dialect, max_tokens);
        match self.client.stream(question.path(), &body)? {
            Opening::Stream(answer) => Stream::new(answer, model.context_length),
            Opening::Refusal(answer) => Err(client::refused(&answer, model.context_length)),
        }
    }
}

impl Models for Remote {
    fn models(&self) -> Result<Vec<Model>, Error> {
        let facts = self.known()?;
        let listed = facts.models.iter().filter(|listed| listed.name != self.settings.embedding);
        let model = |name: &str, context: Option<u32>| Model {
            name: name.to_owned(),
            context_length: context.unwrap_or(self.settings.context),
            template: Template::Embedded,
            tools: false,
            adapters: Vec::new(),
        };
        if self.settings.names.is_empty() {
            return Ok(listed.map(|listed| model(&listed.name, listed.context)).collect());
        }
        let context = |name: &String| facts.models.iter().find(|listed| listed.name == *name)?.context;
        Ok(self.settings.names.iter().map(|name| model(name, context(name))).collect())
    }

    fn generate(
        &self,
        model: Option<&str>,
        input: Input,
        mut options: Options,
    ) -> Result<Box<dyn Generation>, Error> {
        let submitted = Instant::now();
        let model = self.describe(model)?;
        input.check()?;
        let settings = options.settle(&Config::default())?;
        // Who sends the request is not known here, so nothing may be shared in the sender's name.
        options.owner = options.owner.filter(|owner| matches!(owner, Owner::Session(_)));
        let facts = self.known()?;
        let question = Question::new(input, options, settings)?;
        let most = question.max_tokens();
        let stream = match self.open(&question, &model, &facts, most) {
            // Some servers refuse what would only end early: an answer longer than the context has room for.
            Err(Failure::Overflow { need, context }) if need < context => {
                self.open(&question, &model, &facts, most.min(context - need))
            }
            stream => stream,
        }?;
        let Options { stop, log_probabilities, .. } = question.options;
        Ok(Box::new(stream.answer(stop, log_probabilities, submitted)))
    }
}

#[cfg(test)]
mod tests;
