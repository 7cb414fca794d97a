//! A component and what fills its imports become one, after a look at what it imports.
//!
//! Core modules, which Spin's older compilers make, become components with the adapter of `wasi_snapshot_preview1` that
//! wasmtime publishes.

use anyhow::{Context as _, bail, ensure};
use std::borrow::Cow;
use wac_graph::{
    CompositionGraph, EncodeOptions, NodeId,
    types::{Package, World},
};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};

/// What this host calls.
const HANDLERS: [&str; 2] = ["wasi:http/incoming-handler@0.2", "wasi:http/handler@0.3.0"];

/// Interfaces that are served, with the beginning of their versions, and the manifest's key for what a dependency needs to
/// inherit of it. None is a WASI without means; environment and files are those of all that a component is composed of.
const SERVED: [(&str, Option<&str>); 22] = [
    ("wasi:io/", None),
    ("wasi:clocks/", None),
    ("wasi:random/", None),
    ("wasi:cli/", None),
    ("wasi:filesystem/", None),
    ("wasi:sockets/", None),
    ("wasi:http/types@0.", None),
    ("wasi:http/outgoing-handler@0.2", Some("allowed_outbound_hosts")),
    ("wasi:http/client@0.3.0", Some("allowed_outbound_hosts")),
    ("wasi:keyvalue/store@0.2.0-draft2", Some("key_value_stores")),
    ("wasi:keyvalue/batch@0.2.0-draft2", Some("key_value_stores")),
    ("wasi:keyvalue/atomics@0.2.0-draft2", Some("key_value_stores")),
    ("wasi:config/store@0.2.0-draft-2024-09-27", Some("variables")),
    ("fermyon:spin/llm@2.0.0", Some("ai_models")),
    ("fermyon:spin/redis@2.0.0", Some("allowed_outbound_hosts")),
    ("fermyon:spin/key-value@2.0.0", Some("key_value_stores")),
    ("fermyon:spin/variables@2.0.0", Some("variables")),
    ("fermyon:spin/sqlite@2.0.0", Some("sqlite_databases")),
    ("spin:redis/redis@3.", Some("allowed_outbound_hosts")),
    ("spin:key-value/key-value@3.", Some("key_value_stores")),
    ("spin:variables/variables@3.", Some("variables")),
    ("spin:sqlite/sqlite@3.", Some("sqlite_databases")),
];

/// What fills some imports of a component.
#[derive(Debug, Clone)]
pub struct Filling {
    /// The import: an interface, a package of several, or a plain name.
    pub import: String,
    /// The export that fills it, if it is called otherwise.
    pub export: Option<String>,
    /// Keys of the manifest that it may use what they grant of; none is all.
    pub inherits: Option<Vec<String>>,
    /// The component.
    pub bytes: Vec<u8>,
}

/// The component itself; a core module becomes one.
///
/// # Errors
/// What is no component, answers no requests, or imports what this host does not offer and `fillings` do not fill.
pub fn own(bytes: &[u8], fillings: &[Filling]) -> anyhow::Result<Vec<u8>> {
    let component = component(bytes)?.into_owned();
    let mut graph = CompositionGraph::new();
    let main = decode(&mut graph, "component", component.clone())?;
    let world = &graph.types()[main.ty()];
    if !world.exports.keys().any(|name| is_handler(name)) {
        bail!("the component exports none of {}: build it for the http trigger", HANDLERS.join(", "));
    }
    let filled = |import: &str| fillings.iter().any(|filling| fills(&filling.import, import));
    check(world.imports.keys().filter(|import| !filled(import)))?;
    Ok(component)
}

/// The component with its imports filled.
///
/// # Errors
/// Fillings that fill nothing, do not fit, or import what this host does not offer or what they do not inherit.
pub fn filled(component: Vec<u8>, fillings: &[Filling]) -> anyhow::Result<Vec<u8>> {
    if fillings.is_empty() {
        return Ok(component);
    }
    let mut graph = CompositionGraph::new();
    let main = decode(&mut graph, "component", component)?;
    let main = graph.register_package(main)?;
    let mut plugged = Vec::new();
    for (place, filling) in fillings.iter().enumerate() {
        let bytes = self::component(&filling.bytes)?.into_owned();
        let package = decode(&mut graph, &format!("dependency{place}"), bytes)?;
        inherited(filling, &graph.types()[package.ty()])?;
        let package = graph.register_package(package)?;
        plugged.push(graph.instantiate(package));
    }
    let instance = graph.instantiate(main);
    let imports: Vec<String> = world_of(&graph, main).imports.keys().cloned().collect();
    for (filling, &node) in fillings.iter().zip(&plugged) {
        connect(&mut graph, instance, node, filling, &imports)?;
    }
    let exports: Vec<String> =
        world_of(&graph, main).exports.keys().filter(|name| is_handler(name)).cloned().collect();
    for export in exports {
        let node = graph.alias_instance_export(instance, &export)?;
        graph.export(node, &export)?;
    }
    graph.encode(EncodeOptions::default()).context("encoding the composed component")
}

fn is_handler(export: &str) -> bool {
    HANDLERS.iter().any(|handler| export.starts_with(handler))
}

/// A component; a core module becomes one.
///
/// # Errors
/// What is no Wasm, or no module that can become one.
pub fn component(bytes: &[u8]) -> anyhow::Result<Cow<'_, [u8]>> {
    ensure!(bytes.starts_with(b"\0asm"), "this is no WebAssembly");
    // The word after the version says which: 0 is a module, 1 a component.
    if bytes.get(6..8) != Some(&[0, 0]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let encoded = wit_component::ComponentEncoder::default()
        .module(bytes)
        .and_then(|encoder| encoder.adapter(PREVIEW1, ADAPTER))
        .and_then(|encoder| encoder.encode())
        .context("making a component of the core module")?;
    Ok(Cow::Owned(encoded))
}

fn decode(graph: &mut CompositionGraph, name: &str, bytes: Vec<u8>) -> anyhow::Result<Package> {
    Package::from_bytes(&format!("corral:{name}"), None, bytes, graph.types_mut())
        .with_context(|| format!("decoding the {name}"))
}

fn world_of(graph: &CompositionGraph, package: wac_graph::PackageId) -> &World {
    &graph.types()[graph[package].ty()]
}

/// Refuses the first import that is not offered, by its name.
fn check<'a>(mut imports: impl Iterator<Item = &'a String>) -> anyhow::Result<()> {
    imports.try_for_each(|import| need(import).map(drop))
}

/// What a dependency has to inherit to import this. An import that is not offered is refused.
fn need(import: &str) -> anyhow::Result<Option<&'static str>> {
    let served = SERVED.iter().find(|(interface, _)| import.starts_with(interface));
    served.map(|(_, need)| *need).with_context(|| {
        format!("the component imports {import}, which this host does not offer: serve it with Spin, or do without")
    })
}

/// A dependency may use what it inherits, and a WASI without means.
fn inherited(filling: &Filling, world: &World) -> anyhow::Result<()> {
    check(world.imports.keys())?;
    let Some(inherits) = &filling.inherits else { return Ok(()) };
    for import in world.imports.keys() {
        if let Some(key) = need(import)?.filter(|key| !inherits.iter().any(|inherited| inherited == key)) {
            let name = &filling.import;
            bail!(
                "the dependency \"{name}\" imports {import}, but does not inherit \"{key}\": add it to its \
                 inherit_configuration"
            );
        }
    }
    Ok(())
}

/// `a:b` fills every interface of that package, `a:b/c` that one; a version has to be the same or compatible.
fn fills(filling: &str, import: &str) -> bool {
    let split = |name: &str| match name.split_once('@') {
        Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
        None => (name.to_owned(), None),
    };
    let ((wanted, wanted_version), (name, version)) = (split(filling), split(import));
    let same = name == wanted || name.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('/'));
    same && (wanted_version.is_none() || version == wanted_version)
}

fn connect(
    graph: &mut CompositionGraph,
    instance: NodeId,
    node: NodeId,
    filling: &Filling,
    imports: &[String],
) -> anyhow::Result<()> {
    let name = &filling.import;
    let mut any = false;
    for import in imports.iter().filter(|import| fills(name, import)) {
        let export = filling.export.as_deref().unwrap_or(import);
        let given = graph.alias_instance_export(node, export).with_context(|| {
            format!("the dependency \"{name}\" does not export {export}, which the component imports")
        })?;
        graph.set_instantiation_argument(instance, import, given).with_context(|| {
            format!("the dependency \"{name}\" does not fit the component's import {import}")
        })?;
        any = true;
    }
    ensure!(
        any,
        "the dependency \"{name}\" fills none of the component's imports: remove it, or mend its name"
    );
    Ok(())
}
