//! Applications that were written for Spin: what their manifest says, and what it grants.
//!
//! The manifest (`spin.toml`, version 2), the runtime configuration and the state's folder are Spin's own, so that an
//! application runs here as it is.
//!
//! Not here: running components (`guest`), what they import (`imports/spin`), and leading requests to them
//! (`server/site.rs` of the host).

pub mod build;
mod compose;
mod environment;
mod files;
mod load;
pub mod manifest;
pub mod routes;
mod runtime_config;
mod stores;
pub mod template;
mod variables;

pub use environment::Environment;
pub use load::{Application, Component, Options};
pub use routes::{Match, Routes};
pub use variables::check_name;
