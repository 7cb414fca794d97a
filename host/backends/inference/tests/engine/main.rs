//! The engine's promises, with the real small model.
//!
//! One thread, temperature 0 and small micro-batches: then what is computed does not depend on what
//! is computed beside it.

mod adapters;
mod answers;
mod cache;
mod choice;
mod constraints;
mod harness;
mod memory;
mod models;
mod tools;
mod turns;
