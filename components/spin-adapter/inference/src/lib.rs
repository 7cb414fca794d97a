//! Text generation and embeddings for a component on Spin.
//!
//! Two ways: Spin's own `llm` ([`spin`]), which gives an answer as a whole, and a server that speaks OpenAI's protocol,
//! such as a Corral host ([`remote`]), which streams it. The checks, the chat format, the stop strings and the protocol
//! are a host's own files (`host/backends/inference/src`), linked here.
//!
//! Not here: what a prompt says (the components decide), and WIT types.

mod config;
pub mod embedding;
mod error;
#[allow(dead_code, reason = "a host's; it bounds more than one kind of engine with it")]
mod input;
#[allow(dead_code, reason = "a host's; it tells of its engines, too")]
mod output;
pub mod remote;
pub mod spin;
mod stop;
mod template;
mod tokens;
#[allow(dead_code, reason = "a host's; it writes and finds calls, too")]
mod tools;

pub use config::Config;
pub use error::Error;
pub use input::{Bias, Constraint, Input, Message, Options, Owner, Role};
pub use output::{Candidate, Event, Finish, Model, Scored, Template, Usage};
pub use tools::{Choice, Dialogue, Tool, ToolCall, Turn};

/// Models by name, however they are reached.
pub trait Models {
    /// Those that can be named, the default first.
    fn models(&self) -> Result<Vec<Model>, Error>;

    /// Begins an answer. What can be refused at once is.
    fn generate(
        &self,
        model: Option<&str>,
        input: Input,
        options: Options,
    ) -> Result<Box<dyn Generation>, Error>;

    /// What is known of a model; none is the default.
    fn describe(&self, model: Option<&str>) -> Result<Model, Error> {
        let mut models = self.models()?.into_iter();
        match model {
            None => models.next().ok_or(Error::NoSuchModel),
            Some(name) => models.find(|model| model.name == name).ok_or(Error::NoSuchModel),
        }
    }

    /// About the most tokens that the input can have: nobody counts them here.
    fn count_tokens(&self, model: Option<&str>, input: &Input) -> Result<u32, Error> {
        self.describe(model)?;
        input.check()?;
        Ok(remote::estimate(input))
    }
}

/// An answer under way. Dropping it ends it.
pub trait Generation {
    /// The next events, at least one and at most `max`; empty after the last one.
    fn next(&mut self, max: usize) -> Result<Step, Error>;
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Events in their order.
    Events(Vec<Event>),
    /// Nothing new for 15 seconds, and the work goes on.
    Waiting,
}
