//! The rim: what a turn asks of the host.
//!
//! Two implementations: [`Imports`], the contract's functions, and the tests' [`Fake`](crate::testing::Fake). Errors are the
//! contract's own here; `failure.rs` translates them.

use crate::bindings::corral::host::{config, embedding, inference, sessions, vectors};

/// The part of the contract that a turn uses.
pub trait Host {
    /// A generation under way. Dropping it cancels it.
    type Generation: Generation;

    /// The value of a key of `[apps.NAME.config]`.
    fn setting(&self, key: &str) -> Option<String>;

    /// A session with its newest turns, at most `last`.
    fn session(&self, id: &str, last: u32) -> Result<Option<sessions::Session>, sessions::Error>;
    /// Stores a turn, once for each `turn_id`.
    fn append(&self, id: &str, turn: &sessions::Turn, turn_id: &str) -> Result<u32, sessions::Error>;

    /// Whether nothing is stored there.
    fn is_empty(&self, partition: &str) -> Result<bool, vectors::Error>;
    /// The passages nearest to an embedding.
    fn query(
        &self,
        partition: &str,
        embedding: &[f32],
        limit: u32,
    ) -> Result<Vec<vectors::Hit>, vectors::Error>;

    /// The passages nearest to an embedding, and those with the most telling words.
    fn search(
        &self,
        partition: &str,
        embedding: &[f32],
        words: &str,
        limit: u32,
    ) -> Result<Vec<vectors::Match>, vectors::Error>;

    /// The vector of a text to find others with.
    fn embed_query(&self, text: &str) -> Result<embedding::Embeddings, embedding::Error>;

    /// What is known of a model; none is the host's default.
    fn describe(&self, model: Option<&str>) -> Result<inference::Model, inference::Error>;
    /// How many tokens the model reads `input` as.
    fn count_tokens(&self, model: Option<&str>, input: &inference::Input) -> Result<u32, inference::Error>;
    /// Begins a generation.
    fn generate(
        &self,
        model: Option<&str>,
        input: &inference::Input,
        options: &inference::Options,
    ) -> Result<Self::Generation, inference::Error>;
    /// A hint: what the owner's next input will begin with.
    fn prepare(
        &self,
        model: Option<&str>,
        input: &inference::Input,
        owner: &inference::Owner,
    ) -> Result<(), inference::Error>;
}

/// What a model writes.
pub trait Generation {
    /// The next events, at least one and at most `max`; empty after `done`.
    fn next(&mut self, max: u32) -> Result<Vec<inference::Event>, inference::Error>;
}

/// The host that the component runs on.
#[derive(Debug, Clone, Copy)]
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
