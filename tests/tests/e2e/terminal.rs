//! `corral chat`, driven through a pipe and through a terminal.

use anyhow::{Context, Result, ensure};
use e2e::{Host, Settings, binary};
use pty_process::Pty;
use serde_json::Value;
use std::{fs, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

/// How long a terminal may take to show something.
const PATIENCE: Duration = Duration::from_secs(60);

/// A conversation in a terminal of its own.
struct Terminal {
    process: Child,
    pty: Pty,
    seen: String,
}

impl Terminal {
    /// Opens it, and waits until it asks for a message.
    async fn open(host: &Host, home: &Path, arguments: &[&str]) -> Result<Self> {
        let (pty, terminal) = pty_process::open()?;
        pty.resize(pty_process::Size::new(24, 80))?;
        let process = pty_process::Command::new(binary()?)
            .args(["chat", "--url", host.url()])
            .args(arguments)
            .env("XDG_STATE_HOME", home)
            .env("TERM", "xterm")
            .kill_on_drop(true)
            .spawn(terminal)?;
        let mut terminal = Self { process, pty, seen: String::new() };
        terminal.asks().await?;
        Ok(terminal)
    }

    /// The prompt. What is typed before it is there meets a terminal that is about to change its mode.
    async fn asks(&mut self) -> Result<()> {
        self.shows("> ").await
    }

    async fn types(&mut self, keys: &str) -> Result<()> {
        Ok(self.pty.write_all(keys.as_bytes()).await?)
    }

    /// Waits until something is shown, and forgets what was shown until then.
    async fn shows(&mut self, text: &str) -> Result<()> {
        let shown = async {
            let mut bytes = [0; 4096];
            loop {
                if let Some(place) = self.seen.find(text) {
                    self.seen.drain(..place + text.len());
                    return Ok(());
                }
                let count = self.pty.read(&mut bytes).await?;
                ensure!(count > 0, "the program ended");
                self.seen += &String::from_utf8_lossy(&bytes[..count]);
            }
        };
        let shown = tokio::time::timeout(PATIENCE, shown).await.context("it does not come").flatten();
        shown.with_context(|| format!("waiting for {text:?} after {:?}", self.seen))
    }

    /// The program ends, and well.
    async fn ends(mut self) -> Result<()> {
        let status = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        let status = status.with_context(|| format!("it goes on after {:?}", self.seen))??;
        ensure!(status.success(), "{status} after {:?}", self.seen);
        Ok(())
    }
}

#[tokio::test]
async fn a_conversation_can_be_held_from_a_script() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let printed = piped(&host, &["--session", &session], "Say hello in one word.\n").await?;
    let stored = client.stored(&session).await?.body;
    let answer = stored["history"][0]["ai"].as_str().context("nothing was stored")?.to_owned();
    assert_eq!(stored["history"][0]["user"], "Say hello in one word.");
    assert_eq!(printed.trim(), answer.trim(), "the answer and nothing else");
    Ok(())
}

#[tokio::test]
async fn another_answer_takes_the_place_of_the_one_before() -> Result<()> {
    let host = Host::with(Settings::new()?.set("apps.chat.config.answer_tokens", 8)).await?;
    let client = host.client()?;
    let session = client.session().await?;
    let asked = "Name a bird.";
    let printed = piped(&host, &["--session", &session], &format!("{asked}\n/again\n")).await?;
    let stored = client.stored(&session).await?.body;
    let turns = stored["history"].as_array().context("nothing was stored")?;
    assert_eq!((turns.len(), turns[0]["user"].as_str()), (1, Some(asked)));
    let answer = turns[0]["ai"].as_str().context("no answer")?;
    assert!(printed.trim_end().ends_with(answer.trim()), "{answer} is not the last of {printed}");

    let empty = client.session().await?;
    ensure!(piped(&host, &["--session", &empty], "/again\n").await.is_err(), "nothing was answered before");
    Ok(())
}

#[tokio::test]
async fn programs_get_a_line_of_json_for_each_thing() -> Result<()> {
    let host = Host::with(Settings::new()?.set("apps.chat.config.answer_tokens", 8)).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("light house.md");
    fs::write(&file, "The lighthouse of Westerhever was built in 1908.")?;
    let path = file.display().to_string().replace(' ', "\\ ");
    let input = format!(
        "/documents add {path}\n/documents\nWhen was the lighthouse built?\n/sources 1\n/new\n/sources\n"
    );
    let printed = piped(&host, &["--json"], &input).await?;
    let lines = printed.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let mut events: Vec<_> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    events.dedup();
    assert_eq!(
        events,
        ["session", "added", "documents", "sources", "delta", "done", "opened", "session", "sources"]
    );
    let first = |event: &str| lines.iter().find(|line| line["event"] == event).context("not there");
    assert_eq!(first("added")?["added"]["totals"]["stored"], 1);
    let id = first("documents")?["documents"][0]["id"].as_str().context("no id")?.to_owned();
    assert!(id.ends_with("light house.md"), "{id}");
    let source = &first("sources")?["sources"][0];
    assert!(source["text"].as_str().context("no text")?.contains("1908"), "{source}");
    assert_eq!(first("opened")?["opened"]["chunks"][0]["id"], source["id"]);
    assert_eq!(first("done")?["persisted"], true);
    assert_ne!(lines[0]["session_id"], lines[lines.len() - 2]["session_id"], "/new is a new one");
    Ok(())
}

#[tokio::test]
async fn a_person_stops_an_answer_and_goes_on_and_finds_the_session_again() -> Result<()> {
    let host = Host::start().await?;
    let home = tempfile::tempdir()?;
    let mut terminal = Terminal::open(&host, home.path(), &[]).await?;
    terminal.types("Tell me a long story about a heron.\r").await?;
    host.until_metric("corral_inference_running", 1.0).await?;
    terminal.types("\u{3}").await?;
    terminal.shows("(stopped)").await?;
    host.until_metric("corral_inference_running", 0.0).await?;
    terminal.asks().await?;
    terminal.types("/sess\t").await?;
    terminal.shows("/session").await?;
    terminal.types("s\r").await?;
    terminal.shows("Tell me a long story about a heron.").await?;
    terminal.asks().await?;
    terminal.types("/quit\r").await?;
    terminal.ends().await?;
    let history = fs::read_to_string(home.path().join("corral/chat-history"))?;
    assert!(history.contains("Tell me a long story"), "{history}");

    let mut again = Terminal::open(&host, home.path(), &["--session", "1"]).await?;
    again.types("/session\r").await?;
    let kept = fs::read_to_string(home.path().join("corral/chat-sessions.json"))?;
    let kept: Value = serde_json::from_str(&kept)?;
    again.shows(kept[0]["id"].as_str().context("no id")?).await?;
    again.asks().await?;
    // Ctrl-C at the prompt does not leave, Ctrl-D does.
    again.types("\u{3}").await?;
    again.shows("Ctrl-D").await?;
    again.asks().await?;
    again.types("\u{4}").await?;
    again.ends().await?;
    Ok(())
}

#[tokio::test]
async fn a_host_that_is_not_there_is_an_error_with_its_address() -> Result<()> {
    let output = Command::new(binary()?)
        .args(["chat", "--url", "http://127.0.0.1:1"])
        .stdin(Stdio::null())
        .output()
        .await?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("127.0.0.1:1"));
    Ok(())
}

async fn piped(host: &Host, arguments: &[&str], input: &str) -> Result<String> {
    let mut chat = Command::new(binary()?)
        .args(["chat", "--url", host.url()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    chat.stdin.take().context("no input")?.write_all(input.as_bytes()).await?;
    let output = chat.wait_with_output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8(output.stdout)?)
}
