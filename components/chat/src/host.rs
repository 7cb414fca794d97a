//! The rim: what a turn asks of the host.
//!
//! Two implementations: `Imports`, the contract's functions, and the tests' `fake`. Errors are the
//! contract's own here; `failure.rs` translates them.

use crate::bindings::corral::host::{config, embedding, inference, sessions, vectors};

/// The part of the contract that a turn uses.
pub trait Host {
    /// A generation under way. Dropping it cancels it.
    type Generation: Generation;

    fn setting(&self, key: &str) -> Option<String>;

    fn session(&self, id: &str, last: u32) -> Result<Option<sessions::Session>, sessions::Error>;
    fn append(&self, id: &str, turn: &sessions::Turn, turn_id: &str) -> Result<u32, sessions::Error>;

    /// Whether nothing is stored there.
    fn is_empty(&self, partition: &str) -> Result<bool, vectors::Error>;
    fn query(
        &self,
        partition: &str,
        embedding: &[f32],
        limit: u32,
    ) -> Result<Vec<vectors::Hit>, vectors::Error>;

    fn search(
        &self,
        partition: &str,
        embedding: &[f32],
        words: &str,
        limit: u32,
    ) -> Result<Vec<vectors::Match>, vectors::Error>;

    fn embed_query(&self, text: &str) -> Result<embedding::Embeddings, embedding::Error>;

    fn describe(&self, model: Option<&str>) -> Result<inference::Model, inference::Error>;
    fn count_tokens(&self, model: Option<&str>, input: &inference::Input) -> Result<u32, inference::Error>;
    fn generate(
        &self,
        model: Option<&str>,
        input: &inference::Input,
        options: &inference::Options,
    ) -> Result<Self::Generation, inference::Error>;
    fn prepare(
        &self,
        model: Option<&str>,
        input: &inference::Input,
        owner: &inference::Owner,
    ) -> Result<(), inference::Error>;
}

pub trait Generation {
    fn next(&mut self, max: u32) -> Result<Vec<inference::Event>, inference::Error>;
}

/// The host that the component runs on.
pub struct Imports;

impl Host for Imports {
    type Generation = inference::Generation;

    fn setting(&self, key: &str) -> Option<String> {
        config::get(key)
    }

    fn session(&self, id: &str, last: u32) -> Result<Option<sessions::Session>, sessions::Error> {
        sessions::get(id, Some(last))
    }

    fn append(&self, id: &str, turn: &sessions::Turn, turn_id: &str) -> Result<u32, sessions::Error> {
        sessions::append(id, turn, turn_id)
    }

    fn is_empty(&self, partition: &str) -> Result<bool, vectors::Error> {
        vectors::is_empty(partition)
    }

    fn query(
        &self,
        partition: &str,
        embedding: &[f32],
        limit: u32,
    ) -> Result<Vec<vectors::Hit>, vectors::Error> {
        vectors::query(partition, embedding, limit)
    }

    fn search(
        &self,
        partition: &str,
        embedding: &[f32],
        words: &str,
        limit: u32,
    ) -> Result<Vec<vectors::Match>, vectors::Error> {
        vectors::search(partition, embedding, words, limit)
    }

    fn embed_query(&self, text: &str) -> Result<embedding::Embeddings, embedding::Error> {
        embedding::embed(&[text.to_owned()], embedding::Purpose::Query)
    }

    fn describe(&self, model: Option<&str>) -> Result<inference::Model, inference::Error> {
        inference::describe(model)
    }

    fn count_tokens(&self, model: Option<&str>, input: &inference::Input) -> Result<u32, inference::Error> {
        inference::count_tokens(model, input)
    }

    fn generate(
        &self,
        model: Option<&str>,
        input: &inference::Input,
        options: &inference::Options,
    ) -> Result<Self::Generation, inference::Error> {
        inference::generate(model, input, options)
    }

    fn prepare(
        &self,
        model: Option<&str>,
        input: &inference::Input,
        owner: &inference::Owner,
    ) -> Result<(), inference::Error> {
        inference::prepare(model, input, owner)
    }
}

impl Generation for inference::Generation {
    fn next(&mut self, max: u32) -> Result<Vec<inference::Event>, inference::Error> {
        inference::Generation::next(self, max)
    }
}
