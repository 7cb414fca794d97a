//! `spin up`, for benches beside it.

use crate::{http, port, process::Process};
use anyhow::Result;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
    time::Duration,
};

/// Compiling the components included.
const START: Duration = Duration::from_secs(120);

/// A running server of one application.
pub struct SpinUp {
    _process: Process,
    port: u16,
}

impl SpinUp {
    /// Starts the program at a path with a `spin.toml` and a `runtime-config.toml` that are written to its folder.
    pub async fn start(program: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let (mut process, port) = (Process::prepare()?, port::free()?);
        write(process.folder())?;
        let mut command = Command::new(program);
        command.args([
            "up",
            "--from",
            "spin.toml",
            "--runtime-config-file",
            "runtime-config.toml",
            "--quiet",
        ]);
        command.args(["--state-dir", "state", "--listen"]).arg(format!("127.0.0.1:{port}"));
        process.spawn(&mut command)?;
        let health = "/.well-known/spin/health";
        process.ready(START, || async move { http::answers(port, health).await.is_ok() }).await?;
        Ok(Self { _process: process, port })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}
