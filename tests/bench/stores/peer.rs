//! A Python process that does and times the same work.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// The longest that one command may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The process, ended when dropped.
pub struct Peer {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// Starts it for a kind of store, `sessions` or `vectors`, at an address.
    pub async fn start(kind: &str, url: &str) -> Result<Self> {
        let mut process = Command::new(corral_services::python()?)
            // The clients call outdated what the old service called.
            .args(["-W", "ignore::DeprecationWarning"])
            .arg(e2e::root().join("tests/bench/peers.py"))
            .args([kind, url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting Python")?;
        let input = process.stdin.take().context("no input")?;
        let output = BufReader::new(process.stdout.take().context("no output")?).lines();
        let mut peer = Self { _process: process, input, output };
        peer.answer().await.context("waiting for Python to be ready")?;
        Ok(peer)
    }

    /// Has it do a command, and gives the seconds of each time that it was done.
    pub async fn times(&mut self, command: Value) -> Result<Vec<f64>> {
        self.input.write_all(format!("{command}\n").as_bytes()).await?;
        self.answer().await.with_context(|| format!("in Python: {}", command[0]))
    }

    async fn answer(&mut self) -> Result<Vec<f64>> {
        let line = tokio::time::timeout(TIMEOUT, self.output.next_line()).await??;
        let line = line.context("Python ended")?;
        let seconds: Vec<f64> = serde_json::from_str(&line).context("reading Python's answer")?;
        ensure!(seconds.iter().all(|time| time.is_finite()));
        Ok(seconds)
    }
}
