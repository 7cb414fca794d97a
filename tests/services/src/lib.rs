//! Real servers for tests, each on a loopback port of its own in a folder of its own, and a proxy that breaks
//! connections.
//!
//! Not here: installing them (`make services`; llama.cpp's server is for those who have it), and what is asked of them.

mod chroma;
mod http;
mod llama;
mod port;
mod process;
mod proxy;
mod redis;
mod registry;
mod spin;
mod wasmtime;

pub use chroma::Chroma;
pub use llama::LlamaServer;
pub use proxy::{Fault, Proxy};
pub use redis::Redis;
pub use registry::Registry;
pub use spin::SpinUp;
pub use wasmtime::Wasmtime;

use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// The interpreter that has the packages of `scripts/services.txt`.
pub fn python() -> Result<PathBuf> {
    installed("python")
}

/// A program of the virtual environment.
fn installed(name: &str) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = root.join(".corral/services/venv/bin").join(name);
    ensure!(program.exists(), "{} is missing: run `make services`", program.display());
    Ok(program)
}
