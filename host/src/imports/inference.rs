//! `corral:host/inference`: text generation.

use super::{
    milliseconds,
    wit::corral::host::inference::{
        Constraint, Done, Error, Event, Finish, Host, HostGeneration, Input, Message, Model, Options,
        Overflow, Role, Template, Usage,
    },
};
use crate::{
    guest::State,
    telemetry::{Record, calls::Interface},
};
use corral_inference::{self as backend, Generation};
use std::time::Duration;
use tokio::time::Instant;
use wasmtime::component::{HasData, Resource, ResourceTable};

/// How long a guest waits for an event before it hears that the work goes on.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Inference;

impl HasData for Inference {
    type Data<'a> = View<'a>;
}

pub(super) struct View<'a> {
    calls: Interface<'a>,
    engine: &'a backend::Engine,
    table: &'a mut ResourceTable,
    deadline: Instant,
    record: &'a Record,
}

pub(super) fn view(state: &mut State) -> View<'_> {
    View {
        calls: state.services.calls.of("inference"),
        engine: &state.services.engine,
        table: &mut state.table,
        deadline: state.deadline,
        record: &state.record,
    }
}

impl Host for View<'_> {
    async fn describe(&mut self, model: Option<String>) -> wasmtime::Result<Result<Model, Error>> {
        Ok(self.engine.describe(model.as_deref()).map(Model::from).map_err(Error::from))
    }

    async fn count_tokens(
        &mut self,
        model: Option<String>,
        input: Input,
    ) -> wasmtime::Result<Result<u32, Error>> {
        Ok(self
            .calls
            .time("count-tokens", self.engine.count_tokens(model.as_deref(), input.into()))
            .await
            .map_err(Error::from))
    }

    async fn generate(
        &mut self,
        model: Option<String>,
        input: Input,
        options: Options,
    ) -> wasmtime::Result<Result<Resource<Generation>, Error>> {
        let deadline = self.deadline.into_std();
        match self
            .calls
            .time("generate", self.engine.generate(model.as_deref(), input.into(), options.into(), deadline))
            .await
        {
            Ok(generation) => Ok(Ok(self.table.push(generation)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn prepare(
        &mut self,
        model: Option<String>,
        input: Input,
        session: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(self
            .calls
            .time("prepare", self.engine.prepare(model.as_deref(), input.into(), &session))
            .await
            .map_err(Error::from))
    }

    async fn forget(&mut self, session: String) -> wasmtime::Result<Result<(), Error>> {
        self.calls.time("forget", self.engine.forget(&session)).await;
        Ok(Ok(()))
    }
}

impl HostGeneration for View<'_> {
    async fn next(
        &mut self,
        generation: Resource<Generation>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<Event>, Error>> {
        let generation = self.table.get_mut(&generation)?;
        let max = usize::try_from(max).unwrap_or(usize::MAX).max(1);
        let next = tokio::time::timeout(PATIENCE, generation.next(max));
        let events = match self.calls.time("next", next).await {
            Err(_elapsed) => return Ok(Ok(vec![Event::Waiting])),
            Ok(Err(error)) => return Ok(Err(error.into())),
            Ok(Ok(events)) => events,
        };
        for event in &events {
            if let backend::Event::Done { usage, .. } = event {
                self.record.generation(usage);
            }
        }
        Ok(Ok(events.into_iter().map(Event::from).collect()))
    }

    async fn drop(&mut self, generation: Resource<Generation>) -> wasmtime::Result<()> {
        self.table.delete(generation)?;
        Ok(())
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

impl From<Message> for backend::Message {
    fn from(message: Message) -> Self {
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
        Self {
            max_tokens: options.max_tokens,
            temperature: options.temperature,
            top_k: options.top_k,
            top_p: options.top_p,
            min_p: options.min_p,
            repeat_penalty: options.repeat_penalty,
            seed: options.seed,
            stop: options.stop,
            constraint: options.constraint.map(|constraint| match constraint {
                Constraint::Grammar(grammar) => backend::Constraint::Grammar(grammar),
                Constraint::JsonSchema(schema) => backend::Constraint::JsonSchema(schema),
            }),
            session: options.session,
        }
    }
}

impl From<backend::Model> for Model {
    fn from(model: backend::Model) -> Self {
        let template = match model.template {
            backend::Template::Llama2 => Template::Llama2,
            backend::Template::Embedded => Template::Embedded,
            backend::Template::None => Template::None,
        };
        Self { name: model.name, context_length: model.context_length, template }
    }
}

impl From<backend::Event> for Event {
    fn from(event: backend::Event) -> Self {
        match event {
            backend::Event::Delta(text) => Self::Delta(text),
            backend::Event::Done { finish, usage } => {
                let finish = match finish {
                    backend::Finish::Stop => Finish::Stop,
                    backend::Finish::Length => Finish::Length,
                };
                Self::Done(Done { finish, usage: usage.into() })
            }
        }
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
            backend::Error::Unavailable(cause) => {
                tracing::warn!(cause, "inference unavailable");
                Self::Unavailable
            }
        }
    }
}
