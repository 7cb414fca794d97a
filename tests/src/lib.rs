//! Starts the real host with the real models in a temporary folder, and speaks to it.

mod client;
mod events;
mod host;
mod settings;
mod wait;

pub use client::{Client, Reply, said};
pub use events::{Event, Events};
pub use host::{Host, binary};
pub use settings::Settings;
pub use wait::until;

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}
