//! A server process and its children: started, waited for, killed whatever becomes of the test.
//!
//! Not here: how a server is called, and when it is ready.

use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    future::Future,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Kills a group and removes a folder when its input ends: with the test, even where the test is killed itself or keeps
/// the server in a static, which nothing drops. Each line names the group that runs now, or nothing.
const KEEPER: &str = r#"trap "" HUP INT TERM
while read -r group; do running=$group; done
if [ -n "$running" ]; then kill -s KILL -- "-$running"; fi
rm -rf -- "$1""#;

/// A server's process, if it runs, with its folder and log.
pub(crate) struct Process {
    server: Option<Child>,
    keeper: Child,
    folder: PathBuf,
}

impl Process {
    /// A folder, and nothing running yet.
    pub(crate) fn prepare() -> Result<Self> {
        let folder = TempDir::with_prefix("corral-services-")?;
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting sh")?;
        Ok(Self { server: None, keeper, folder: folder.keep() })
    }

    /// The server's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The number of the server's process, if it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Starts the server, in a process group of its own, in its folder.
    pub(crate) fn spawn(&mut self, command: &mut Command) -> Result<()> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let program = command.get_program().to_owned();
        let server = command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}: run `make services`", program.display()))?;
        let group = server.id();
        self.server = Some(server);
        self.keep(&group.to_string())
    }

    /// Waits until the server says that it is ready. An error shows the log.
    pub(crate) async fn ready<F: Future<Output = bool>>(
        &mut self,
        within: Duration,
        asks: impl Fn() -> F,
    ) -> Result<()> {
        let up = async {
            loop {
                ensure!(self.runs()?, "it ended");
                if tokio::time::timeout(Duration::from_secs(2), asks()).await.unwrap_or(false) {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let result = tokio::time::timeout(within, up).await.context("it takes too long").flatten();
        result.with_context(|| {
            format!("a server is not ready:\n{}", fs::read_to_string(self.log()).unwrap_or_default())
        })
    }

    /// Kills the server with SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        // The group, and the leader once more: a group that is gone is no failure.
        let _gone = signal("KILL", server.id());
        let _gone = server.kill();
        server.wait()?;
        self.keep("")
    }

    /// Sends the server and its children a signal.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let Some(server) = &self.server else { bail!("the server is not running") };
        signal(name, server.id())
    }

    fn runs(&mut self) -> Result<bool> {
        let Some(server) = &mut self.server else { return Ok(false) };
        Ok(server.try_wait()?.is_none())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn keep(&mut self, group: &str) -> Result<()> {
        let lines = self.keeper.stdin.as_mut().context("the keeper's input")?;
        writeln!(lines, "{group}").context("telling the keeper")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _killed = self.kill();
        drop(self.keeper.stdin.take());
        let _ended = self.keeper.wait();
    }
}

fn signal(name: &str, group: u32) -> Result<()> {
    let script = r#"kill -s "$1" -- "-$2""#;
    let status = Command::new("sh")
        .args(["-c", script, "sh", name, &group.to_string()])
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "sending {name} to the group {group}");
    Ok(())
}
