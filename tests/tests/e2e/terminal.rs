//! `corral chat`, driven through a pipe.

use anyhow::{Context, Result};
use e2e::{Host, binary};
use std::process::Stdio;
use tokio::{io::AsyncWriteExt, process::Command};

#[tokio::test]
async fn a_conversation_can_be_held_from_a_script() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let mut chat = Command::new(binary()?)
        .args(["chat", "--url", host.url(), "--session", &session])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    chat.stdin.take().context("no input")?.write_all(b"Say hello in one word.\n").await?;
    let output = chat.wait_with_output().await?;
    assert!(output.status.success());

    let stored = client.stored(&session).await?.body;
    let answer = stored["history"][0]["ai"].as_str().context("nothing was stored")?.to_owned();
    assert_eq!(stored["history"][0]["user"], "Say hello in one word.");
    let printed = String::from_utf8(output.stdout)?;
    assert!(printed.contains(answer.trim()), "{printed}");
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
