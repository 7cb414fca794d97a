//! A model, wherever it runs: here on an engine, on servers, or in a script. The component sees no difference.

use std::time::Instant;

use crate::{
    Backend, Config, Engine, Error, Generation, Input, Load, Model, Options, Owner, Remote, Status,
    script::Script,
};

/// A model that can be asked.
#[derive(Debug, Clone)]
pub(crate) enum Served {
    Here(Engine),
    Elsewhere(Remote),
    /// Nowhere: what it says is in a script.
    Scripted(Script),
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
            Self::Scripted(_) => Ok(()),
        }
    }

    pub fn status(&self) -> Status {
        match self {
            Self::Here(engine) => engine.status(),
            Self::Elsewhere(remote) => remote.status(),
            Self::Scripted(_) => Status::Ready,
        }
    }

    pub fn load(&self) -> Load {
        match self {
            Self::Here(engine) => engine.load(),
            Self::Elsewhere(remote) => remote.load(),
            Self::Scripted(_) => Load::default(),
        }
    }

    /// Whether every answer that was asked for is over.
    pub fn is_idle(&self) -> bool {
        match self {
            Self::Here(engine) => engine.is_idle(),
            Self::Elsewhere(_) | Self::Scripted(_) => {
                let load = self.load();
                load.running + load.queued == 0
            }
        }
    }

    pub async fn describe(&self) -> Result<Model, Error> {
        match self {
            Self::Here(engine) => engine.describe(),
            Self::Elsewhere(remote) => remote.describe().await,
            Self::Scripted(script) => Ok(script.describe()),
        }
    }

    pub async fn count_tokens(&self, input: Input) -> Result<u32, Error> {
        match self {
            Self::Here(engine) => engine.count_tokens(input).await,
            Self::Elsewhere(remote) => remote.count_tokens(input).await,
            Self::Scripted(script) => Ok(script.count_tokens(&input)),
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
            Self::Scripted(script) => script.generate(&input, &options, deadline),
        }
    }

    /// Servers prepare nothing: their protocol has no word for it.
    pub async fn prepare(&self, input: Input, owner: Owner) -> Result<(), Error> {
        match self {
            Self::Here(engine) => engine.prepare(input, owner).await,
            Self::Elsewhere(_) | Self::Scripted(_) => Ok(()),
        }
    }

    /// What servers keep is theirs to forget.
    pub async fn forget(&self, owner: &Owner) {
        match self {
            Self::Here(engine) => engine.forget(owner).await,
            Self::Elsewhere(_) | Self::Scripted(_) => {}
        }
    }

    pub async fn resting(&self) -> Vec<Owner> {
        match self {
            Self::Here(engine) => engine.resting().await,
            Self::Elsewhere(_) | Self::Scripted(_) => Vec::new(),
        }
    }

    pub async fn stop(&self) {
        match self {
            Self::Here(engine) => engine.stop().await,
            Self::Elsewhere(remote) => remote.stop(),
            Self::Scripted(_) => {}
        }
    }
}
