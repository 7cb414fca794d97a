//! Composes the chat application for stock Spin, and says what a component asks of whoever runs it.
//!
//! Not here: what stock Spin offers (`tests/fixtures/platforms.toml`), and composition for a Corral host, which is done
//! when it loads an application (`host/src/apps/compose.rs`).

use anyhow::{Context, Result, ensure};
use wac_graph::{CompositionGraph, EncodeOptions, types::Package};

/// The three components.
pub struct Parts {
    /// HTTP in, HTTP out.
    pub gateway: Vec<u8>,
    /// The chat logic.
    pub logic: Vec<u8>,
    /// The contract on top of Spin's imports.
    pub adapter: Vec<u8>,
}

impl Parts {
    /// Gateway and logic as one component that asks for the contract.
    ///
    /// Spin plugs dependencies into a component, and not one into another: the logic could not reach the adapter.
    pub fn chat(&self) -> Result<Vec<u8>> {
        let chat = plug(&self.gateway, &self.logic)?;
        let left: Vec<_> = world(&chat)?.imports;
        ensure!(left.iter().all(|name| !name.starts_with("corral:chat/")), "not plugged: {left:?}");
        Ok(chat)
    }
}

/// All three as one component that asks for what Spin offers.
pub fn compose(parts: &Parts) -> Result<Vec<u8>> {
    let (chat, given) = (parts.chat()?, world(&parts.adapter)?.exports);
    let asked = |component: &[u8]| -> Result<Vec<String>> {
        Ok(world(component)?.imports.into_iter().filter(|name| name.starts_with("corral:")).collect())
    };
    let missing: Vec<_> = asked(&chat)?.into_iter().filter(|name| !given.contains(name)).collect();
    ensure!(missing.is_empty(), "the adapter does not give what is asked of it: {missing:?}");
    let whole = plug(&chat, &parts.adapter)?;
    // What is of another type is passed over in silence, and left to be asked for.
    let left = asked(&whole)?;
    ensure!(left.is_empty(), "the adapter gives something else than is asked of it: {left:?}");
    Ok(whole)
}

/// What a component asks for and what it gives, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    /// What it asks for.
    pub imports: Vec<String>,
    /// What it gives.
    pub exports: Vec<String>,
}

/// The world of a component.
pub fn world(component: &[u8]) -> Result<World> {
    let mut graph = CompositionGraph::new();
    let package = decode(&mut graph, "component", component)?;
    let world = &graph.types()[package.ty()];
    Ok(World {
        imports: world.imports.keys().cloned().collect(),
        exports: world.exports.keys().cloned().collect(),
    })
}

fn plug(socket: &[u8], plug: &[u8]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let socket = decode(&mut graph, "socket", socket)?;
    let plug = decode(&mut graph, "plug", plug)?;
    let socket = graph.register_package(socket)?;
    let plug = graph.register_package(plug)?;
    wac_graph::plug(&mut graph, vec![plug], socket).context("plugging one component into the other")?;
    graph.encode(EncodeOptions::default()).context("encoding the composed component")
}

fn decode(graph: &mut CompositionGraph, name: &str, component: &[u8]) -> Result<Package> {
    Package::from_bytes(name, None, component.to_vec(), graph.types_mut())
        .with_context(|| format!("decoding the {name}"))
}
