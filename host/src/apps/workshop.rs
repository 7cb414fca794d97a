//! From two components to a program that can run: composed, checked against grants, compiled, linked.
//!
//! Not here: where components come from (`load`, `deploy`), and whether what comes out answers (`probe`).

use super::{
    Config,
    cache::Cache,
    compile::Outside,
    compose, digest,
    laps::Laps,
    refusal::{Refusal, Stage},
    settings,
};
use anyhow::Context;
use corral_wasm::{
    guest::{Engine, Handler, Limits, Program, State, slots::Slots},
    imports,
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wasmtime::component::{Component, Linker};

/// What turns components into programs.
pub(super) struct Workshop {
    wasm: wasmtime::Engine,
    linker: Linker<State>,
    /// With what Spin applications can be granted.
    spin: Linker<State>,
    cache: Cache,
    outside: Outside,
}

/// A program, and the digest of its composed component.
pub(super) struct Built {
    pub digest: String,
    pub program: Program,
}

impl Workshop {
    /// `cache` is where compiled components are kept; `outside` compiles what is deployed.
    pub fn new(engine: &Engine, cache: Cache, outside: Outside) -> anyhow::Result<Self> {
        let mut linker = Linker::new(engine.wasm());
        imports::link(&mut linker)?;
        let mut spin = Linker::new(engine.wasm());
        imports::spin::link(&mut spin)?;
        Ok(Self { wasm: engine.wasm().clone(), linker, spin, cache, outside })
    }

    /// A program of components that the settings name. Compiles here, which takes as long as it takes.
    pub fn build(
        &self,
        config: &Config,
        slots: &Arc<Slots>,
        gateway: Vec<u8>,
        logic: Vec<u8>,
    ) -> Result<Built, Refusal> {
        let composed = composed(config, gateway, logic).map_err(Stage::Compose.refuse())?;
        let compiled = self.cache.compiled(&self.wasm, &composed).map_err(Stage::Compile.refuse())?;
        self.link(config, slots, &composed, &compiled)
    }

    /// A program of components that someone deploys: another process compiles them, within bounds of time and memory.
    pub async fn build_bounded(
        self: &Arc<Self>,
        config: &Config,
        slots: &Arc<Slots>,
        (gateway, logic): (Vec<u8>, Vec<u8>),
        laps: &mut Laps,
    ) -> Result<Built, Refusal> {
        let own = config.clone();
        let composed = blocking(Stage::Compose, move || composed(&own, gateway, logic)).await?;
        laps.end(Stage::Compose);
        let composed: Arc<[u8]> = composed.into();
        let found = self.ready(&composed).await.unwrap_or_else(|damage| {
            tracing::warn!(cause = %damage, "cached component unusable; compiling anew");
            None
        });
        let compiled = match found {
            Some(compiled) => compiled,
            None => {
                self.outside.compile(&composed).await.map_err(Stage::Compile.refuse())?;
                let left = self.ready(&composed).await?;
                left.context("the compiler has left nothing").map_err(Stage::Compile.refuse())?
            }
        };
        laps.end(Stage::Compile);
        let built = self.link(config, slots, &composed, &compiled)?;
        laps.end(Stage::Link);
        Ok(built)
    }

    async fn ready(self: &Arc<Self>, composed: &Arc<[u8]>) -> Result<Option<Component>, Refusal> {
        let (workshop, composed) = (self.clone(), composed.clone());
        blocking(Stage::Compile, move || workshop.cache.ready(&workshop.wasm, &composed)).await
    }

    fn link(
        &self,
        config: &Config,
        slots: &Arc<Slots>,
        composed: &[u8],
        compiled: &Component,
    ) -> Result<Built, Refusal> {
        let linker = if config.spin.is_some() { &self.spin } else { &self.linker };
        let linked = linker.instantiate_pre(compiled).and_then(Handler::new);
        let handler = linked.map_err(|error| Stage::Link.refuse()(error.into()))?;
        let program = Program {
            handler,
            config: Arc::new(settings::read(&config.config).map_err(Stage::Link.refuse())?),
            limits: Limits {
                memory: config.limits.memory,
                cpu: config.limits.cpu,
                tokens: config.limits.tokens,
                output: config.limits.output,
            },
            models: config.models.clone().into(),
            hosts: match &config.spin {
                Some(component) => component.hosts.clone(),
                None => config.grants.hosts.clone().into(),
            },
            spin: config.spin.clone(),
            slots: slots.clone(),
            retired: CancellationToken::new(),
        };
        Ok(Built { digest: digest(composed), program })
    }
}

/// The one component that an application's parts become.
pub(super) fn composed(config: &Config, gateway: Vec<u8>, logic: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    match &config.spin {
        Some(component) => component.compose(&gateway),
        None => compose::compose(gateway, logic, &config.grants),
    }
}

/// Work of a stage that would hold up others, on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    stage: Stage,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let ended = tokio::task::spawn_blocking(work).await.context("the work was given up");
    ended.and_then(|done| done).map_err(stage.refuse())
}
