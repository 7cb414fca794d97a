//! A project of one's own logic: begun, built, and deployed each time that it is saved.

use anyhow::{Context, Result, ensure};
use e2e::{Host, binary, root};
use std::{fs, os::unix::fs::symlink, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// A first build has the crate's dependencies to compile.
const PATIENCE: Duration = Duration::from_mins(5);

#[tokio::test]
async fn a_new_project_is_deployed_each_time_that_it_is_saved() -> Result<()> {
    let host = Host::start().await?;
    let scratch = tempfile::tempdir()?;
    let project = scratch.path().join("bird-guide");
    let made = Command::new(binary()?).arg("new").arg(&project).output().await?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    keep_what_is_built(&project)?;

    let source = project.join("src/lib.rs");
    let written = fs::read_to_string(&source)?;
    let answering = |text: &str| {
        let from = "conversation.answer(Prompt { passages, ..Prompt::system(system) })";
        let to = format!("{{ drop((system, passages)); Ok(conversation.say({text:?}, &[])) }}");
        assert!(written.contains(from), "{written}");
        written.replace(from, &to).replace("Prompt, ", "")
    };
    fs::write(&source, answering("Herons."))?;
    let mut dev = Dev::start(&host, &project)?;
    dev.until("generation 2 of chat serves").await?;
    assert_eq!(answer(&host).await?, "Herons.");

    dev.until("waiting for changes").await?;
    fs::write(&source, "broken")?;
    dev.until("waiting for changes").await?;
    assert_eq!(answer(&host).await?, "Herons.", "what serves goes on");

    fs::write(&source, answering("Cranes."))?;
    dev.until("generation 3 of chat serves").await?;
    assert_eq!(answer(&host).await?, "Cranes.");

    fs::write(&source, "broken")?;
    let once = dev_command(&host, &project)?.arg("--once").output().await?;
    let told = String::from_utf8_lossy(&once.stderr);
    assert_eq!(once.status.code(), Some(1));
    assert!(told.contains("src/lib.rs:1") && told.contains("the build failed"), "{told}");
    Ok(())
}

/// From one run to the next, and beside what else is built.
fn keep_what_is_built(project: &Path) -> Result<()> {
    let target = root().join("target/project");
    fs::create_dir_all(&target)?;
    Ok(symlink(target, project.join("target"))?)
}

async fn answer(host: &Host) -> Result<String> {
    let client = host.client()?;
    let answer = client.say(&client.session().await?, "Which birds?").await?;
    Ok(answer["response"].as_str().context("no response")?.to_owned())
}

fn dev_command(host: &Host, project: &Path) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.arg("dev").arg(project).arg("--config").arg(host.folder().join("runtime.toml"));
    // What it is built from was fetched for the components here.
    command.env("CARGO_NET_OFFLINE", "true").stdin(Stdio::null()).kill_on_drop(true);
    command.env("CORRAL_ADMIN__LISTEN", host.admin_address()?);
    Ok(command)
}

/// `corral dev` while it runs.
struct Dev {
    lines: Lines<BufReader<ChildStdout>>,
    /// Ended when it is dropped.
    _child: Child,
}

impl Dev {
    fn start(host: &Host, project: &Path) -> Result<Self> {
        let mut child = dev_command(host, project)?.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("no output")?;
        Ok(Self { lines: BufReader::new(stdout).lines(), _child: child })
    }

    /// Reads on to a line with this text.
    async fn until(&mut self, text: &str) -> Result<()> {
        let read = async {
            loop {
                let line =
                    self.lines.next_line().await?.with_context(|| format!("it ended before {text:?}"))?;
                if line.contains(text) {
                    return Ok(());
                }
            }
        };
        timeout(PATIENCE, read).await.with_context(|| format!("not in time: {text}"))?
    }
}
