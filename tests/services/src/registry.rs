//! An OCI registry.

use crate::{port, process::Process};
use anyhow::Result;
use std::{fs, net::Ipv4Addr, path::Path, process::Command, time::Duration};
use tokio::net::TcpStream;

const START: Duration = Duration::from_secs(30);
/// Who may use one that is not open to all: `ada` with the password `feathers`, by bcrypt.
const USERS: &str = "ada:$2b$04$gRH4sYGmXyYRJs/oqNf/Me9WVgmVN6pqHL7vZSK3KwmCHO8QW7Zu6\n";

/// A running registry. What it holds ends when this is dropped.
pub struct Registry {
    process: Process,
    port: u16,
}

impl Registry {
    /// Starts one that is open to all.
    pub async fn start() -> Result<Self> {
        Self::with("").await
    }

    /// Starts one for `ada`, whose password is `feathers`.
    pub async fn closed() -> Result<Self> {
        Self::with("auth: {htpasswd: {realm: birds, path: users}}\n").await
    }

    async fn with(auth: &str) -> Result<Self> {
        let (mut process, port) = (Process::prepare()?, port::free()?);
        let settings = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: data}}}}\nhttp: {{addr: '127.0.0.1:{port}', secret: s}}\n{auth}"
        );
        fs::write(process.folder().join("config.yml"), settings)?;
        fs::write(process.folder().join("users"), USERS)?;
        process.spawn(Command::new("docker-registry").args(["serve", "config.yml"]))?;
        process
            .ready(START, || async move { TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() })
            .await?;
        Ok(Self { process, port })
    }

    /// The folder of its data (`data`) and its `server.log`.
    pub fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// Its name in references, `127.0.0.1:PORT`.
    pub fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}
