//! A model, wherever it runs: here on an engine, or on servers. The component sees no difference.

use std::time::Instant;

use crate::{Backend, Config, Engine, Error, Generation, Input, Load, Model, Options, Owner, Remote, Status};

/// A model that can be asked.
#[derive(Debug, Clone)]
pub(crate) enum Served {
    Here(Engine),
    Elsewhere(Remote),
}

impl Served {
    pub fn start(config: &Config) -> Result<Self, Error> {
        match config.backend {
            Backend::LlamaCpp => Engine::start(config.clone()).map(Self::Here),
            Backend::Openai => Remote::start(config).map(Self::Elsewhere),
        }
    }

    pub async fn ready(&self) -> Result<(), Error> {
        match self {
            Self::Here(engine) => engine.ready().await,
            Self::Elsewhere(remote) => remote.ready().await,
        }
    }

    pub fn status(&self) -> Status {
        match self {
            Self::Here(engine) => engine.status(),
            Self::Elsewhere(remote) => remote.status(),
        }
    }

    pub fn load(&self) -> Load {
        match self {
            Self::Here(engine) => engine.load(),
            Self::Elsewhere(remote) => remote.load(),
        }
    }

    pub async fn describe(&self) -> Result<Model, Error> {
        match self {
            Self::Here(engine) => engine.describe(),
            Self::Elsewhere(remote) => remote.describe().await,
        }
    }

    pub async fn count_tokens(&self, input: Input) -> Result<u32, Error> {
        match self {
            Self::Here(engine) => engine.count_tokens(input).await,
            Self::Elsewhere(remote) => remote.count_tokens(input).await,
        }
    }

    pub async fn generate(
        &self,
        input: Input,
        options: Options,
        deadline: Instant,
    ) -> Result<Generation, Error> {
        match self {
            Self::Here(engine) => engine.generate(input, options, deadline).await,
            Self::Elsewhere(remote) => remote.generate(input, options, deadline).await,
        }
    }

    /// Servers prepare nothing: their protocol has no word for it.
    pub async fn prepare(&self, input: Input, owner: Owner) -> Result<(), Error> {
        match self {
            Self::Here(engine) => engine.prepare(input, owner).await,
            Self::Elsewhere(_) => Ok(()),
        }
    }

    /// What servers keep is theirs to forget.
    pub async fn forget(&self, owner: &Owner) {
        match self {
            Self::Here(engine) => engine.forget(owner).await,
            Self::Elsewhere(_) => {}
        }
    }

    pub async fn resting(&self) -> Vec<Owner> {
        match self {
            Self::Here(engine) => engine.resting().await,
            Self::Elsewhere(_) => Vec::new(),
        }
    }

    pub async fn stop(&self) {
        match self {
            Self::Here(engine) => engine.stop().await,
            Self::Elsewhere(remote) => remote.stop(),
        }
    }
}
