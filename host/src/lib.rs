//! The Corral host: sandboxed conversational back ends on native models and stores.
//!
//! Arrows point one way: `cli → server → apps → guest → imports → backends`.

pub mod apps;
pub mod server;
pub mod telemetry;
