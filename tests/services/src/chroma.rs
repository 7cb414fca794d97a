//! A ChromaDB server.

use crate::{http, installed, port, process::Process};
use anyhow::Result;
use std::{fs, path::Path, process::Command, time::Duration};

/// Python imports a lot before the server starts.
const START: Duration = Duration::from_secs(60);
const ATTEMPTS: usize = 5;

/// A running server. What it holds outlives [`Chroma::kill`] and [`Chroma::restart`], and ends when this is dropped.
pub struct Chroma {
    process: Process,
    port: u16,
}

impl Chroma {
    /// Starts a server that keeps what it is told in its folder.
    pub async fn start() -> Result<Self> {
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            let mut chroma = Self { process: Process::prepare()?, port: port::free()? };
            match chroma.up().await {
                Ok(()) => return Ok(chroma),
                Err(error) => failure = Some(error),
            }
            // Anything but a port that someone took meanwhile will not get better.
            let log = fs::read_to_string(chroma.folder().join("server.log")).unwrap_or_default();
            if !log.contains("in use") && !log.contains("not available") {
                break;
            }
        }
        failure.map_or_else(|| anyhow::bail!("no attempt"), Err)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The folder of its data (`data`) and its `server.log`.
    pub fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// Kills it with SIGKILL.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Starts it again on the same port, with the same data; kills it first where it still runs.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.up().await
    }

    /// Stops it with SIGSTOP: connections stay, nothing answers.
    pub async fn pause(&self) -> Result<()> {
        self.process.signal("STOP")
    }

    /// Lets it go on.
    pub async fn resume(&self) -> Result<()> {
        self.process.signal("CONT")
    }

    async fn up(&mut self) -> Result<()> {
        let port = self.port;
        let mut command = Command::new(installed("chroma")?);
        command
            .args(["run", "--path", "data", "--host", "127.0.0.1", "--port", &port.to_string()])
            .env("ANONYMIZED_TELEMETRY", "False");
        self.process.spawn(&mut command)?;
        self.process
            .ready(START, || async move { http::answers(port, "/api/v2/heartbeat").await.is_ok() })
            .await
    }
}
