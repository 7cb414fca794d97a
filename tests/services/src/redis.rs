//! A Redis server, or a sentinel that watches one.

use crate::{port, process::Process};
use anyhow::{Result, ensure};
use std::{fs, net::Ipv4Addr, path::Path, process::Command, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const START: Duration = Duration::from_secs(30);
const ATTEMPTS: usize = 5;

/// A running server. What it holds outlives [`Redis::kill`] and [`Redis::restart`], and ends when this is dropped.
pub struct Redis {
    process: Process,
    port: u16,
    arguments: Vec<String>,
}

impl Redis {
    /// Starts a server that keeps what it is told in an append-only file.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// Starts a server with further arguments, such as `--requirepass`, a word. With `--tls-cert-file` it speaks TLS
    /// only.
    pub async fn start_with(arguments: &[&str]) -> Result<Self> {
        Self::attempt(arguments, |_, _| Ok(())).await
    }

    /// Starts a sentinel that watches the server at a port by the name `master`, alone enough to replace it.
    pub async fn sentinel(port: u16, master: &str) -> Result<Self> {
        Self::attempt(&["--sentinel"], |folder, own| {
            let lines = [
                format!("port {own}\nbind 127.0.0.1\ndir ."),
                format!("sentinel monitor {master} 127.0.0.1 {port} 1"),
                format!("sentinel down-after-milliseconds {master} 500"),
                format!("sentinel failover-timeout {master} 2000\n"),
            ];
            Ok(fs::write(folder.join("sentinel.conf"), lines.join("\n"))?)
        })
        .await
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, `redis://127.0.0.1:PORT/0`; with TLS `rediss://`.
    pub fn url(&self) -> String {
        let scheme = if self.encrypted() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}/0", self.port)
    }

    /// The folder of its data and its `server.log`.
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

    async fn attempt(arguments: &[&str], prepare: impl Fn(&Path, u16) -> Result<()>) -> Result<Self> {
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            let mut redis = Self { process: Process::prepare()?, port: port::free()?, arguments };
            prepare(redis.folder(), redis.port)?;
            match redis.up().await {
                Ok(()) => return Ok(redis),
                Err(error) => failure = Some(error),
            }
            // Anything but a port that someone took meanwhile will not get better.
            let log = fs::read_to_string(redis.folder().join("server.log")).unwrap_or_default();
            if !log.contains("in use") {
                break;
            }
        }
        failure.map_or_else(|| anyhow::bail!("no attempt"), Err)
    }

    async fn up(&mut self) -> Result<()> {
        let mut command = Command::new("redis-server");
        if self.arguments.iter().any(|argument| argument == "--sentinel") {
            command.arg("sentinel.conf").args(&self.arguments);
        } else {
            let port = self.port.to_string();
            let (plain, encrypted) = if self.encrypted() { ("0", &*port) } else { (&*port, "0") };
            command
                .args(["--port", plain, "--bind", "127.0.0.1", "--dir", ".", "--save", ""])
                .args(["--appendonly", "yes", "--appendfsync", "no"])
                .args(if self.encrypted() { vec!["--tls-port", encrypted] } else { Vec::new() })
                .args(&self.arguments);
        }
        self.process.spawn(&mut command)?;
        let (port, encrypted) = (self.port, self.encrypted());
        self.process.ready(START, || async move { answers(port, encrypted).await.is_ok() }).await
    }

    fn encrypted(&self) -> bool {
        self.arguments.iter().any(|argument| argument == "--tls-cert-file")
    }
}

async fn answers(port: u16, encrypted: bool) -> Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    if encrypted {
        // It would not understand a plain word; that it accepts has to do.
        return Ok(());
    }
    stream.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await?;
    // One that wants a password is there, too; one that loads its data is not.
    ensure!(&answer == b"+PONG\r\n" || answer.starts_with(b"-NOAUTH"));
    Ok(())
}
