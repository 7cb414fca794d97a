//! Starting, checking and stopping a host.

use anyhow::{Context, Result};
use e2e::{Host, Settings, binary, root, said, until};
use serde_json::json;
use std::{net::TcpListener, os::unix::fs::MetadataExt, path::Path, process::Output, time::Duration};
use tokio::{net::TcpStream, process::Command};

async fn corral(folder: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(binary()?).args(arguments).current_dir(folder).output().await?)
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn answers_under_way_finish_at_shutdown() -> Result<()> {
    let mut host = Host::start().await?;
    let client = host.client()?;
    let mut body = said(&client.session().await?, "Tell me a long story about a heron.");
    body["max_tokens"] = json!(60);
    let mut events = client.stream(&body).await?;
    while events.next().await?.context("the stream ended")?.name != "delta" {}
    host.terminate()?;

    let mut last = String::new();
    while let Some(event) = events.next().await? {
        last = event.name;
    }
    assert_eq!(last, "done");
    assert!(host.ended().await?, "the host did not end well");
    assert!(client.get("/livez").send().await.is_err(), "it still listens");
    Ok(())
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_a_compilation() -> Result<()> {
    let (folder, free) = (tempfile::tempdir()?, TcpListener::bind("127.0.0.1:0")?.local_addr()?);
    // An engine for JavaScript takes a good deal longer to compile than what is left to a host then.
    let settings = Settings::new()?
        .set("server.listen", free.to_string())
        .set("apps.chat.logic", root().join(".corral/javascript/logic.wasm").display().to_string())
        .set("wasm.cache", folder.path().join("cache").display().to_string());
    let mut process = Host::spawn(&folder, &settings)?;
    let id = process.id().context("it has ended")?.to_string();
    let log = || Ok::<_, anyhow::Error>(std::fs::read_to_string(folder.path().join("log"))?);
    until("it listens", async || Ok(TcpStream::connect(free).await.is_ok())).await?;
    for told in ["stopping", "ending at once"] {
        assert!(Command::new("kill").args(["-TERM", &id]).status().await?.success());
        until(told, async || Ok(log()?.contains(told))).await?;
    }
    let ended = tokio::time::timeout(Duration::from_secs(60), process.wait()).await??;
    assert!(!ended.success(), "what was compiled was waited for");
    Ok(())
}

#[tokio::test]
async fn an_unknown_setting_is_refused_with_the_nearest_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("corral.toml"), "[inference]\nn_batsh = 1\n")?;
    let output = corral(folder.path(), &["serve", "--config", "corral.toml"]).await?;
    assert!(!output.status.success());
    let text = text(&output);
    for part in ["corral.toml", "inference.n_batsh", "n_batch"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    Ok(())
}

#[tokio::test]
async fn check_tells_what_is_wrong_and_how_to_mend_it() -> Result<()> {
    let host = Host::start().await?;
    let settings = host.folder();
    let good = corral(&settings, &["check", "--config", "runtime.toml"]).await?;
    assert!(good.status.success(), "{}", text(&good));

    let broken = tempfile::tempdir()?;
    let file = std::fs::read_to_string(settings.join("runtime.toml"))?.replace("smollm2", "absent");
    std::fs::write(broken.path().join("runtime.toml"), file)?;
    let bad = corral(broken.path(), &["check", "--config", "runtime.toml"]).await?;
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad));
    assert!(text(&bad).contains("absent"), "{}", text(&bad));
    Ok(())
}

#[tokio::test]
async fn a_component_without_its_grant_is_refused_by_name() -> Result<()> {
    let grants: toml::Value = toml::Value::Array(vec!["sessions".into(), "config".into()]);
    let Err(error) = Host::with(Settings::new()?.set("apps.chat.grants.logic", grants)).await else {
        anyhow::bail!("it started");
    };
    let text = format!("{error:#}");
    assert!(text.contains("corral:host/") && text.contains("not granted"), "{text}");
    Ok(())
}

#[tokio::test]
async fn logic_that_does_not_fill_the_gateways_import_is_refused() -> Result<()> {
    let gateway = root().join("target/wasm32-wasip2/component/corral_gateway.wasm");
    let settings = Settings::new()?.set("apps.chat.logic", gateway.display().to_string());
    let Err(error) = Host::with(settings).await else {
        anyhow::bail!("it started");
    };
    assert!(format!("{error:#}").contains("corral:chat/turns"), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn compiled_components_are_kept_for_the_next_start() -> Result<()> {
    let settings = Settings::new()?.own_cache();
    let host = Host::with(settings.clone()).await?;
    let cache = host.folder().join(".corral/cache");
    let files = || anyhow::Ok(std::fs::read_dir(&cache)?.collect::<Result<Vec<_>, _>>()?.len());
    assert_eq!(files()?, 1);
    // What is compiled anew is another file in its place.
    let file =
        |folder: &Path| anyhow::Ok(std::fs::read_dir(folder)?.next().context("empty")??.metadata()?.ino());
    let before = file(&cache)?;
    let folder = host.kill().await?;
    let host = Host::within(folder, &settings).await?;
    assert_eq!(file(&host.folder().join(".corral/cache"))?, before);
    Ok(())
}
