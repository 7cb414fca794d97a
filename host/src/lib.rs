//! The Corral host: sandboxed conversational back ends on native models and stores.
//!
//! Arrows point one way: `cli → start → server → apps`, and from there to the crates `corral-wasm`, which runs
//! components, `corral-telemetry`, and the back ends.

pub mod apps;
pub mod cli;
pub mod config;
pub mod files;
pub mod respond;
pub mod server;
pub mod start;
