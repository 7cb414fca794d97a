//! What a Corral host offers to chat components, on top of what stock Spin offers.
//!
//! Composed with a gateway and a chat logic it makes a component that runs on Spin. All here is glue: `exports/` turns
//! the contract's types into those of the crates beside this one and back, `imports/` does what they ask for with Spin's
//! imports, and `settings.rs` reads the variables.

mod bindings;
mod exports;
mod imports;
mod log;
mod services;
mod settings;
mod uuid;

use bindings::{exports::corral, fermyon, wasi};

/// The component.
struct Adapter;
