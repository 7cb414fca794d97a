//! Starts the real host with the real models in a temporary folder, and speaks to it.

mod client;
mod events;
mod gguf;
mod host;
mod parrot;
mod settings;
mod spin;
mod wait;

pub mod process;
pub mod statistics;

pub use client::{Client, Reply, said};
pub use events::{Event, Events};
pub use gguf::Gguf;
pub use host::{Host, binary};
pub use parrot::{bad_parrot, parrot, parrot_of};
pub use settings::Settings;
pub use spin::Spin;
pub use wait::until;

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}
