//! `corral:host/inference`.

mod told;

use crate::{
    Adapter,
    corral::host::inference::{
        self as wit, Constraint, Error, Event, Guest, GuestGeneration, GuestToolGeneration, Input, Model,
        Options, Owner, Role, ToolEvent, ToolMessage, Toolbox,
    },
    log::log,
    services::models,
};
use corral_spin_inference::{self as backend, Step};
use std::cell::RefCell;

/// An answer under way.
pub struct Generation(RefCell<Box<dyn backend::Generation>>);

/// An answer with tools, of which there is none here.
pub enum NoTools {}

impl Guest for Adapter {
    type Generation = Generation;
    type ToolGeneration = NoTools;

    fn models() -> Vec<Model> {
        let Ok(models) = models() else { return Vec::new() };
        match models.models() {
            Ok(models) => models.into_iter().map(Model::from).collect(),
            // The contract has no error here: of a server that is away no model can be named now.
            Err(error) => {
                log(error);
                Vec::new()
            }
        }
    }

    fn describe(model: Option<String>) -> Result<Model, Error> {
        Ok(models()?.describe(model.as_deref())?.into())
    }

    fn count_tokens(model: Option<String>, input: Input) -> Result<u32, Error> {
        Ok(models()?.count_tokens(model.as_deref(), &input.into())?)
    }

    fn generate(model: Option<String>, input: Input, options: Options) -> Result<wit::Generation, Error> {
        let answer = models()?.generate(model.as_deref(), input.into(), options.into())?;
        Ok(wit::Generation::new(Generation(RefCell::new(answer))))
    }

    /// Spin's llm calls none, and what a server would call is not passed on.
    fn calls_tools(model: Option<String>) -> Result<bool, Error> {
        models()?.describe(model.as_deref())?;
        Ok(false)
    }

    fn generate_with_tools(
        model: Option<String>,
        _messages: Vec<ToolMessage>,
        _tools: Toolbox,
        _options: Options,
    ) -> Result<wit::ToolGeneration, Error> {
        models()?.describe(model.as_deref())?;
        Err(Error::InvalidArgument("tools are not supported on Spin".to_owned()))
    }

    /// Spin has no cache to read into, and of a server's protocol it is no part.
    fn prepare(model: Option<String>, input: Input, _owner: Owner) -> Result<(), Error> {
        models()?.count_tokens(model.as_deref(), &input.into())?;
        Ok(())
    }

    /// A request's answer ends with the request, and a server forgets by itself.
    fn forget(_session: String) -> Result<(), Error> {
        Ok(())
    }
}

impl GuestGeneration for Generation {
    fn next(&self, max: u32) -> Result<Vec<Event>, Error> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        match self.0.borrow_mut().next(max)? {
            Step::Events(events) => Ok(events.into_iter().filter_map(told::told).collect()),
            Step::Waiting => Ok(vec![Event::Waiting]),
        }
    }
}

impl GuestToolGeneration for NoTools {
    fn next(&self, _max: u32) -> Result<Vec<ToolEvent>, Error> {
        match *self {}
    }
}

impl From<Input> for backend::Input {
    fn from(input: Input) -> Self {
        match input {
            Input::Prompt(text) => Self::Prompt(text),
            Input::Chat(messages) => Self::Chat(messages.into_iter().map(backend::Message::from).collect()),
        }
    }
}

impl From<wit::Message> for backend::Message {
    fn from(message: wit::Message) -> Self {
        let role = match message.role {
            Role::System => backend::Role::System,
            Role::User => backend::Role::User,
            Role::Assistant => backend::Role::Assistant,
        };
        Self { role, content: message.content }
    }
}

impl From<Options> for backend::Options {
    fn from(options: Options) -> Self {
        let bias = |bias: wit::Bias| backend::Bias { token: bias.token, amount: bias.amount };
        Self {
            max_tokens: options.max_tokens,
            temperature: options.temperature,
            top_k: options.top_k,
            top_p: options.top_p,
            min_p: options.min_p,
            repeat_penalty: options.repeat_penalty,
            frequency_penalty: options.frequency_penalty,
            presence_penalty: options.presence_penalty,
            biases: options.biases.into_iter().map(bias).collect(),
            seed: options.seed,
            stop: options.stop,
            constraint: options.constraint.map(backend::Constraint::from),
            log_probabilities: options.log_probabilities,
            adapter: options.adapter,
            owner: options.owner.map(backend::Owner::from),
            principal: None,
        }
    }
}

impl From<Constraint> for backend::Constraint {
    fn from(constraint: Constraint) -> Self {
        match constraint {
            Constraint::Grammar(grammar) => Self::Grammar(grammar),
            Constraint::JsonSchema(schema) => Self::JsonSchema(schema),
        }
    }
}

impl From<Owner> for backend::Owner {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Session(id) => Self::Session(id),
            Owner::Client(part) => Self::Client(part),
        }
    }
}
