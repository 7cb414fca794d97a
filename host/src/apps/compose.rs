//! A gateway and a chat logic become one component.

use super::{Grants, component, grants};
use anyhow::{Context, bail};
use wac_graph::{
    CompositionGraph, EncodeOptions,
    types::{Package, SubtypeChecker, are_semver_compatible},
};

/// The interface between the two.
const TURNS: &str = "corral:chat/turns";

/// What the host calls.
const HANDLER: &str = "wasi:http/incoming-handler";

/// The composition of both, after checking what each imports and exports. Without a logic it is the gateway.
pub(super) fn compose(gateway: Vec<u8>, logic: Vec<u8>, granted: &Grants) -> anyhow::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let alone = logic.is_empty().then(|| gateway.clone());
    let gateway = component::decode(&mut graph, "gateway", gateway)?;
    if let Some(alone) = alone {
        check_gateway(&graph, &gateway, granted, None)?;
        return Ok(alone);
    }
    let logic = component::decode(&mut graph, "logic", logic)?;
    check_gateway(&graph, &gateway, granted, Some(TURNS))?;
    check_logic(&graph, &logic, granted)?;
    check_turns(&graph, &gateway, &logic)?;

    let gateway = graph.register_package(gateway)?;
    let logic = graph.register_package(logic)?;
    wac_graph::plug(&mut graph, vec![logic], gateway).context("plugging the logic into the gateway")?;
    graph.encode(EncodeOptions::default()).context("encoding the composed component")
}

fn check_gateway(
    graph: &CompositionGraph,
    gateway: &Package,
    granted: &Grants,
    linked: Option<&str>,
) -> anyhow::Result<()> {
    let world = component::world(graph, gateway);
    if !world.exports.keys().any(|name| component::interface(name) == HANDLER) {
        bail!("the gateway does not export {HANDLER}");
    }
    grants::check("gateway", world.imports.keys().map(String::as_str), &granted.gateway, linked)
}

fn check_logic(graph: &CompositionGraph, logic: &Package, granted: &Grants) -> anyhow::Result<()> {
    let world = component::world(graph, logic);
    grants::check("logic", world.imports.keys().map(String::as_str), &granted.logic, None)
}

/// `plug` passes over a mismatch in silence and leaves the import open, so it is looked for here.
///
/// Versions may differ as compatible ones do (Semantic Versioning): what is in both is compared, type by type.
fn check_turns(graph: &CompositionGraph, gateway: &Package, logic: &Package) -> anyhow::Result<()> {
    let imports = &component::world(graph, gateway).imports;
    let exports = &component::world(graph, logic).exports;
    let named = |name: &&String| component::interface(name) == TURNS;
    let Some(wanted) = imports.keys().find(named) else {
        bail!("the gateway does not import {TURNS}, so no chat logic can be plugged into it");
    };
    let Some(given) = exports.keys().find(named) else {
        bail!("the gateway's import {wanted} stays unsatisfied: the logic does not export it");
    };
    if wanted != given && !are_semver_compatible(wanted, given) {
        bail!("the gateway's import {wanted} stays unsatisfied: the logic exports {given}");
    }
    let (wanted_type, given_type) = (imports[wanted], exports[given]);
    let mut cache = Default::default();
    SubtypeChecker::new(&mut cache)
        .is_subtype(given_type, graph.types(), wanted_type, graph.types())
        .with_context(|| format!("the gateway's import {wanted} stays unsatisfied: the logic's differs"))
}
