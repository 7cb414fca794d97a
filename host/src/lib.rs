//! The Corral host: sandboxed conversational back ends on native models and stores.
//!
//! Arrows point one way: `cli → start → server → apps → guest → imports → backends`.

pub mod apps;
pub mod cli;
pub mod config;
pub mod files;
pub mod guest;
pub mod imports;
pub mod respond;
pub mod server;
pub mod spin;
pub mod start;
pub mod telemetry;
