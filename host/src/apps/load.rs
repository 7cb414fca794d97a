//! One application from its files to a program that can run.

use super::{
    Config,
    cache::{Cache, hex},
    component, compose,
};
use crate::{
    guest::{Engine, Limits, Program, engine::MAX_MEMORY, slots::Slots},
    imports,
};
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc};
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

/// A loaded application.
pub struct App {
    name: String,
    route: String,
    digest: String,
    program: Arc<Program>,
}

impl App {
    /// Reads, checks, composes, compiles and links.
    pub(super) fn load(name: &str, config: &Config, engine: &Engine, cache: &Cache) -> anyhow::Result<Self> {
        Self::assemble(name, config, engine, cache).with_context(|| format!("loading apps.{name}"))
    }

    fn assemble(name: &str, config: &Config, engine: &Engine, cache: &Cache) -> anyhow::Result<Self> {
        let composed = composed(config)?;
        let compiled = cache.compiled(engine.wasm(), &composed)?;
        let mut linker = Linker::new(engine.wasm());
        imports::link(&mut linker)?;
        let proxy = ProxyPre::new(linker.instantiate_pre(&compiled)?)?;
        let program = Program {
            proxy,
            config: Arc::new(settings(&config.config)),
            limits: Limits { memory: config.limits.memory, cpu: config.limits.cpu },
            slots: Slots::new(config.limits.instances, config.limits.wait),
        };
        Ok(Self {
            name: name.to_owned(),
            route: config.route.clone(),
            digest: hex(&Sha256::digest(&composed)),
            program: Arc::new(program),
        })
    }

    /// Its name in runtime.toml.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path prefix that it serves.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// SHA-256 of its composed component, in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What runs.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }
}

/// Checks an application as far as that goes without compiling it, and says what it is.
pub fn inspect(name: &str, config: &Config) -> anyhow::Result<String> {
    let composed = composed(config).with_context(|| format!("checking apps.{name}"))?;
    let digest = hex(&Sha256::digest(&composed));
    Ok(format!("serves {}, {} bytes, sha256 {}", config.route, composed.len(), &digest[..12]))
}

fn composed(config: &Config) -> anyhow::Result<Vec<u8>> {
    if config.limits.memory > MAX_MEMORY {
        bail!("limits.memory is {}, the most is {MAX_MEMORY}", config.limits.memory);
    }
    if !config.route.starts_with('/') {
        bail!("route is \"{}\", but routes start with \"/\"", config.route);
    }
    let gateway = component::read(&config.gateway)?;
    let logic = component::read(&config.logic)?;
    compose::compose(gateway, logic, &config.grants)
}

/// Settings reach components as text.
fn settings(config: &BTreeMap<String, toml::Value>) -> BTreeMap<String, String> {
    let text = |value: &toml::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    config.iter().map(|(key, value)| (key.clone(), text(value))).collect()
}
