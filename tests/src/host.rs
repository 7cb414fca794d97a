//! A host process.

use crate::{Client, Reply, Settings, Spin, process, root, until};
use anyhow::{Context, Result, bail};
use reqwest::StatusCode;
use std::{fs, net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// Loading the models takes a while on a busy machine.
const START: Duration = Duration::from_secs(120);

/// A running host. Dropping it kills the process.
pub struct Host {
    process: Child,
    folder: TempDir,
    url: String,
    admin: String,
}

impl Host {
    /// Starts with the settings of the repository.
    pub async fn start() -> Result<Self> {
        Self::with(Settings::new()?).await
    }

    /// Starts with settings of the test's own, in a new folder.
    pub async fn with(settings: Settings) -> Result<Self> {
        Self::within(tempfile::tempdir()?, &settings).await
    }

    /// Starts in a folder that may hold an earlier host's data.
    pub async fn within(folder: TempDir, settings: &Settings) -> Result<Self> {
        let process = Self::spawn(&folder, settings)?;
        Self::ready(folder, process).await
    }

    /// Starts where a process may have so few files open, until it asks for more.
    pub async fn with_few_files(settings: Settings, files: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        settings.write(&folder.path().join("runtime.toml"))?;
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -Sn {files} && exec \"$@\""), "sh"]).arg(binary()?);
        let process = Self::dressed(&folder, shell)?.spawn().context("starting corral")?;
        Self::ready(folder, process).await
    }

    /// Serves a Spin application, in a new folder.
    pub async fn spin(spin: &Spin, settings: &Settings) -> Result<Self> {
        Self::spin_within(tempfile::tempdir()?, spin, settings).await
    }

    /// Serves a Spin application in a folder that may hold an earlier host's data.
    pub async fn spin_within(folder: TempDir, spin: &Spin, settings: &Settings) -> Result<Self> {
        settings.write(&folder.path().join("runtime.toml"))?;
        let arguments = spin.write(folder.path())?;
        let mut command = Self::command(&folder)?;
        let process = command.args(arguments).envs(spin.environment_of_host()).spawn();
        Self::ready(folder, process.context("starting corral")?).await
    }

    async fn ready(folder: TempDir, mut process: Child) -> Result<Self> {
        let stdout = process.stdout.take().context("the host's output")?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(addresses) = line.strip_prefix("ready ") {
                    return anyhow::Ok(addresses.to_owned());
                }
            }
            bail!("the host ended before it was ready")
        };
        let ready = tokio::time::timeout(START, ready).await.context("waiting for the ready line")?;
        let addresses = match ready {
            Ok(addresses) => addresses,
            Err(error) => bail!("{error}:\n{}", fs::read_to_string(folder.path().join("log"))?),
        };
        let mut urls = addresses.split_whitespace().filter(|word| word.starts_with("http"));
        let url = urls.next().context("the public address")?.to_owned();
        let admin = urls.next().context("the admin address")?.to_owned();
        Ok(Self { process, folder, url, admin })
    }

    /// Only spawns: what the host says while it starts is the test.
    pub fn spawn(folder: &TempDir, settings: &Settings) -> Result<Child> {
        settings.write(&folder.path().join("runtime.toml"))?;
        Self::command(folder)?.spawn().context("starting corral")
    }

    /// The host's program in a folder of its own.
    fn command(folder: &TempDir) -> Result<Command> {
        Self::dressed(folder, Command::new(binary()?))
    }

    fn dressed(folder: &TempDir, mut command: Command) -> Result<Command> {
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.path().join("log"))?;
        command
            .args(["serve", "--config", "runtime.toml"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        Ok(command)
    }

    /// A client of the public listener.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.url)
    }

    /// A client of the admin listener, without the token.
    pub fn admin(&self) -> Result<Client> {
        Client::new(&self.admin)
    }

    /// What the host says of its readiness.
    pub async fn readiness(&self) -> Result<Reply> {
        Reply::of(self.client()?.get("/readyz")).await
    }

    /// Waits until the host says that it is ready, or that it is not.
    pub async fn until_ready(&self, ready: bool) -> Result<()> {
        until("the host's readiness changes", async || {
            Ok((self.readiness().await?.status == StatusCode::OK) == ready)
        })
        .await
    }

    /// The address of the public listener.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The public listener's socket address.
    pub fn address(&self) -> Result<SocketAddr> {
        let address = self.url.strip_prefix("http://").context("no http address")?;
        address.parse().context("the public address")
    }

    /// The admin listener's socket address.
    pub fn admin_address(&self) -> Result<String> {
        self.admin.strip_prefix("http://").map(str::to_owned).context("no http address")
    }

    /// The admin listener's token.
    pub fn token(&self) -> Result<String> {
        let token = fs::read_to_string(self.folder.path().join(".corral/admin-token"))?;
        Ok(token.trim().to_owned())
    }

    /// The folder that the host runs in.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Everything logged so far.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("log"))?)
    }

    /// One sample of the metrics, by its name and labels as printed.
    pub async fn metric(&self, sample: &str) -> Result<Option<f64>> {
        let metrics = self.admin()?.get("/metrics").bearer_auth(self.token()?).send().await?.text().await?;
        let value = |line: &str| {
            let rest = line.strip_prefix(sample)?;
            let rest = rest
                .strip_prefix('{')
                .and_then(|labels| labels.split_once('}'))
                .map_or(rest, |(_, rest)| rest);
            rest.strip_prefix(' ').map(str::parse::<f64>)
        };
        let values = metrics.lines().filter_map(value).collect::<Result<Vec<_>, _>>();
        let values = values.context("reading a metric")?;
        Ok(values.into_iter().reduce(|sum, value| sum + value))
    }

    /// Waits until a sample of the metrics has a value.
    pub async fn until_metric(&self, sample: &str, value: f64) -> Result<()> {
        let wanted = async {
            loop {
                if self.metric(sample).await? == Some(value) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wanted)
            .await
            .with_context(|| format!("waiting for {sample} {value}"))?
    }

    /// The number of the host's process.
    pub fn id(&self) -> Result<u32> {
        self.process.id().context("the host has ended")
    }

    /// The process's resident memory, in bytes.
    pub fn memory(&self) -> Result<u64> {
        process::memory(self.id()?)
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        let id = self.id()?;
        let killed = std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status()?;
        anyhow::ensure!(killed.success(), "kill -TERM");
        Ok(())
    }

    /// Waits for the process to end, and tells whether it succeeded.
    pub async fn ended(&mut self) -> Result<bool> {
        let status = tokio::time::timeout(Duration::from_secs(60), self.process.wait()).await??;
        Ok(status.success())
    }

    /// Kills the process with SIGKILL, and gives its folder back.
    pub async fn kill(mut self) -> Result<TempDir> {
        self.process.kill().await?;
        Ok(self.folder)
    }
}

/// The program under test.
pub fn binary() -> Result<PathBuf> {
    let binary = root().join("target/release/corral");
    anyhow::ensure!(binary.exists(), "{} is missing: run `make build`", binary.display());
    Ok(binary)
}
