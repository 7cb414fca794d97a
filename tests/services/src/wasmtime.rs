//! `wasmtime serve`, for benches beside it.

use crate::{http, port, process::Process};
use anyhow::Result;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
    time::Duration,
};

/// Compiling a component included.
const START: Duration = Duration::from_secs(60);

/// A running server of one component.
pub struct Wasmtime {
    _process: Process,
    port: u16,
}

impl Wasmtime {
    /// Starts the program at a path, with what it does as it comes.
    pub async fn start(program: &Path, component: &Path) -> Result<Self> {
        let (mut process, port) = (Process::prepare()?, port::free()?);
        let mut command = Command::new(program);
        // Rust's standard library imports what `cli` offers.
        command.args(["serve", "-Scli", "--addr"]).arg(format!("127.0.0.1:{port}")).arg(component);
        process.spawn(&mut command)?;
        process.ready(START, || async move { http::answers(port, "/").await.is_ok() }).await?;
        Ok(Self { _process: process, port })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}
