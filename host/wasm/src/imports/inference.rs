//! `corral:host/inference`: text generation.

mod tools;

use super::{
    Services, milliseconds,
    wit::corral::host::inference::{
        Bias, Candidate, Constraint, Done, Error, Event, Finish, Host, HostGeneration, Input, Message, Model,
        Options, Overflow, Owner, Role, Scored, Template, ToolMessage, Toolbox, Usage,
    },
};
use crate::guest::{Client, State, allowance::Allowance};
use corral_inference::{self as backend, Generation};
use corral_telemetry::{Record, calls::Interface};
use std::time::Duration;
use tokio::time::Instant;
pub use tools::RunningTools;
use wasmtime::component::{HasData, Resource, ResourceTable};

/// How long a guest waits for an event before it hears that the work goes on.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Inference;

/// An answer under way, and the tokens that are set aside for it.
pub struct Running {
    generation: Generation,
    granted: u32,
}

impl Running {
    async fn next(&mut self, max: u32) -> Result<Vec<backend::Event>, backend::Error> {
        self.generation.next(usize::try_from(max).unwrap_or(usize::MAX).max(1)).await
    }

    /// Once the answer is complete, what it did not take is free again.
    fn settle(&mut self, events: &[backend::Event], record: &Record, allowance: &mut Allowance) {
        for event in events {
            if let backend::Event::Done { usage, .. } = event {
                record.generation(usage);
                allowance
                    .give_back(std::mem::take(&mut self.granted).saturating_sub(usage.completion_tokens));
            }
        }
    }
}

impl HasData for Inference {
    type Data<'a> = View<'a>;
}

pub(super) struct View<'a> {
    calls: Interface<'a>,
    services: &'a Services,
    models: &'a backend::Models,
    table: &'a mut ResourceTable,
    allowance: &'a mut Allowance,
    client: &'a Client,
    deadline: Instant,
    record: &'a Record,
    /// Whether nothing is cached or forgotten.
    discarded: bool,
}

pub(super) fn view(state: &mut State) -> View<'_> {
    View {
        calls: state.services.calls.of("inference"),
        services: &state.services,
        models: &state.services.models,
        table: &mut state.table,
        allowance: &mut state.allowance,
        client: &state.client,
        deadline: state.deadline,
        record: &state.record,
        discarded: state.effects.discarded,
    }
}

impl Host for View<'_> {
    async fn models(&mut self) -> wasmtime::Result<Vec<Model>> {
        let ready = self.models.ready_ones().await.into_iter();
        let mut models: Vec<_> = ready.filter(|model| self.allowance.place(&model.name).is_some()).collect();
        models.sort_by_key(|model| self.allowance.place(&model.name));
        Ok(models.into_iter().map(Model::from).collect())
    }

    async fn describe(&mut self, model: Option<String>) -> wasmtime::Result<Result<Model, Error>> {
        let Some(model) = self.allowance.model(model) else { return Ok(Err(Error::NoSuchModel)) };
        Ok(self.models.describe(model.as_deref()).await.map(Model::from).map_err(Error::from))
    }

    async fn count_tokens(
        &mut self,
        model: Option<String>,
        input: Input,
    ) -> wasmtime::Result<Result<u32, Error>> {
        let Some(model) = self.allowance.model(model) else { return Ok(Err(Error::NoSuchModel)) };
        Ok(self
            .calls
            .time("count-tokens", self.models.count_tokens(model.as_deref(), input.into()))
            .await
            .map_err(Error::from))
    }

    async fn generate(
        &mut self,
        model: Option<String>,
        input: Input,
        options: Options,
    ) -> wasmtime::Result<Result<Resource<Running>, Error>> {
        Ok(match self.begin(model, input.into(), options).await {
            Ok(running) => Ok(self.table.push(running)?),
            Err(error) => Err(error),
        })
    }

    async fn calls_tools(&mut self, model: Option<String>) -> wasmtime::Result<Result<bool, Error>> {
        let Some(model) = self.allowance.model(model) else { return Ok(Err(Error::NoSuchModel)) };
        Ok(self.models.describe(model.as_deref()).await.map(|model| model.tools).map_err(Error::from))
    }

    async fn generate_with_tools(
        &mut self,
        model: Option<String>,
        messages: Vec<ToolMessage>,
        tools: Toolbox,
        options: Options,
    ) -> wasmtime::Result<Result<Resource<RunningTools>, Error>> {
        let input = backend::Input::Tools(tools::dialogue(messages, tools));
        Ok(match self.begin(model, input, options).await {
            Ok(running) => Ok(self.table.push(RunningTools(running))?),
            Err(error) => Err(error),
        })
    }

    async fn prepare(
        &mut self,
        model: Option<String>,
        input: Input,
        owner: Owner,
    ) -> wasmtime::Result<Result<(), Error>> {
        let Some(model) = self.allowance.model(model) else { return Ok(Err(Error::NoSuchModel)) };
        if self.discarded {
            return Ok(Ok(()));
        }
        let owner = self.owner(owner);
        Ok(self
            .calls
            .time("prepare", self.models.prepare(model.as_deref(), input.into(), owner))
            .await
            .map_err(Error::from))
    }

    async fn forget(&mut self, session: String) -> wasmtime::Result<Result<(), Error>> {
        if self.discarded {
            return Ok(Ok(()));
        }
        let owner = self.services.owner(&session);
        self.calls.time("forget", self.models.forget(&owner)).await;
        Ok(Ok(()))
    }
}

impl View<'_> {
    async fn begin(
        &mut self,
        model: Option<String>,
        input: backend::Input,
        options: Options,
    ) -> Result<Running, Error> {
        let Some(model) = self.allowance.model(model) else { return Err(Error::NoSuchModel) };
        let deadline = self.deadline.into_std();
        let mut options = self.options(options);
        // Set aside what the answer may become. Where that is less than asked for, it ends there.
        let wanted = options.max_tokens.unwrap_or_else(|| self.models.max_tokens(model.as_deref()));
        let Some(granted) = self.allowance.set_aside(wanted) else {
            tracing::warn!("the component has used up limits.tokens");
            return Err(Error::Unavailable);
        };
        options.max_tokens = Some(granted);
        match self
            .calls
            .time("generate", self.models.generate(model.as_deref(), input, options, deadline))
            .await
        {
            Ok(generation) => Ok(Running { generation, granted }),
            Err(error) => {
                self.allowance.give_back(granted);
                Err(error.into())
            }
        }
    }

    /// A client's share is its own: a guest divides it, and cannot name another client's.
    fn owner(&self, owner: Owner) -> backend::Owner {
        match owner {
            Owner::Session(id) => self.services.owner(&id),
            Owner::Client(part) => backend::Owner::Client(format!("{}/{part}", self.client.key())),
        }
    }

    fn options(&self, options: Options) -> backend::Options {
        backend::Options {
            max_tokens: options.max_tokens,
            temperature: options.temperature,
            top_k: options.top_k,
            top_p: options.top_p,
            min_p: options.min_p,
            repeat_penalty: options.repeat_penalty,
            frequency_penalty: options.frequency_penalty,
            presence_penalty: options.presence_penalty,
            biases: options.biases.into_iter().map(backend::Bias::from).collect(),
            seed: options.seed,
            stop: options.stop,
            constraint: options.constraint.map(backend::Constraint::from),
            log_probabilities: options.log_probabilities,
            adapter: options.adapter,
            owner: options.owner.filter(|_| !self.discarded).map(|owner| self.owner(owner)),
            principal: Some(self.client.key()),
        }
    }
}

impl HostGeneration for View<'_> {
    async fn next(
        &mut self,
        running: Resource<Running>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<Event>, Error>> {
        let running = self.table.get_mut(&running)?;
        let next = tokio::time::timeout(PATIENCE, running.next(max));
        let events = match self.calls.time("next", next).await {
            Err(_elapsed) => return Ok(Ok(vec![Event::Waiting])),
            Ok(Err(error)) => return Ok(Err(error.into())),
            Ok(Ok(events)) => events,
        };
        running.settle(&events, self.record, self.allowance);
        Ok(Ok(events.into_iter().filter_map(told).collect()))
    }

    async fn drop(&mut self, running: Resource<Running>) -> wasmtime::Result<()> {
        self.table.delete(running)?;
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

impl From<Bias> for backend::Bias {
    fn from(bias: Bias) -> Self {
        Self { token: bias.token, amount: bias.amount }
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

/// Calls are only made of tools, and none were offered.
fn told(event: backend::Event) -> Option<Event> {
    Some(match event {
        backend::Event::Delta(text) => Event::Delta(text),
        backend::Event::Scored(tokens) => Event::Scored(tokens.into_iter().map(Scored::from).collect()),
        backend::Event::Done { finish, usage } => Event::Done(done(finish, usage)),
        backend::Event::Call(_) => return None,
    })
}

fn done(finish: backend::Finish, usage: backend::Usage) -> Done {
    let finish = match finish {
        backend::Finish::Stop => Finish::Stop,
        backend::Finish::Length => Finish::Length,
    };
    Done { finish, usage: usage.into() }
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
            backend::Error::Unavailable(cause) => {
                tracing::warn!(cause, "inference unavailable");
                Self::Unavailable
            }
        }
    }
}
