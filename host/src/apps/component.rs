//! A component's file: read, decoded, and its imports and exports named.

use anyhow::{Context, bail};
use std::{fs, path::Path};
use wac_graph::{
    CompositionGraph,
    types::{Package, World},
};

/// The largest component file.
pub const MAX_SIZE: u64 = 64 << 20;

/// A component's bytes.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let size = fs::metadata(path)
        .with_context(|| {
            format!("reading component {} (build the default ones with `make components`)", path.display())
        })?
        .len();
    if size > MAX_SIZE {
        bail!("component {} has {size} bytes, the limit is {MAX_SIZE}", path.display());
    }
    fs::read(path).with_context(|| format!("reading component {}", path.display()))
}

/// Decodes a component into a composition.
pub(super) fn decode(graph: &mut CompositionGraph, role: &str, bytes: Vec<u8>) -> anyhow::Result<Package> {
    let name = format!("corral:{role}");
    Package::from_bytes(&name, None, bytes, graph.types_mut())
        .with_context(|| format!("decoding the {role} as a WebAssembly component"))
}

/// What the component imports and exports.
pub(super) fn world<'a>(graph: &'a CompositionGraph, package: &Package) -> &'a World {
    &graph.types()[package.ty()]
}

/// `corral:host/sessions` of `corral:host/sessions@0.1.0`.
pub(super) fn interface(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}
