//! llama.cpp's own server, for figures side by side.
//!
//! Not here: where its program comes from. Nothing needs it; who wants the comparison has it.

use crate::{http, port, process::Process};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, process::Command, time::Duration};

/// Loading a model takes a while on a busy machine.
const START: Duration = Duration::from_secs(120);
const ATTEMPTS: usize = 5;

/// A running server. Dropping it ends it.
pub struct LlamaServer {
    process: Process,
    port: u16,
}

impl LlamaServer {
    /// Starts a program, which may be a script that ends with `exec`, with arguments besides those of its address.
    pub async fn start(program: &Path, arguments: &[String]) -> Result<Self> {
        let found = program.is_absolute() && program.is_file();
        ensure!(found, "{}: expected the absolute path of llama-server", program.display());
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            let mut server = Self { process: Process::prepare()?, port: port::free()? };
            match server.up(program, arguments).await {
                Ok(()) => return Ok(server),
                Err(error) => failure = Some(error),
            }
            // Anything but a port that someone took meanwhile will not get better.
            let log = fs::read_to_string(server.process.folder().join("server.log")).unwrap_or_default();
            if !log.contains("couldn't bind") {
                break;
            }
        }
        failure.map_or_else(|| anyhow::bail!("no attempt"), Err)
    }

    /// Its address, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The number of its process.
    pub fn id(&self) -> Result<u32> {
        self.process.id().context("the server has ended")
    }

    async fn up(&mut self, program: &Path, arguments: &[String]) -> Result<()> {
        let port = self.port;
        let mut command = Command::new(program);
        command.args(arguments).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        self.process.spawn(&mut command)?;
        // It says 503 while it loads the model.
        self.process.ready(START, || async move { http::answers(port, "/health").await.is_ok() }).await
    }
}
