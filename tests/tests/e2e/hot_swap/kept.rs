//! Generations outlive restarts and kills, and can be returned to.

use super::{ask, corral, deploy, deployed, operate, serving, settings, state};
use anyhow::{Context, Result};
use e2e::{Host, Settings, parrot, until};
use reqwest::{Method, StatusCode};
use std::{fs, time::Duration};

async fn roll_back(host: &Host, to: &str) -> Result<(StatusCode, Option<u64>)> {
    let reply = operate(host, Method::POST, &format!("/apps/chat/rollback{to}"), Vec::new()).await?;
    Ok((reply.status, serving(&reply.body["apps"][0]).ok()))
}

#[tokio::test]
async fn operators_deploy_list_and_return_by_command() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::with(settings(&folder.path().join("logic.wasm"))?).await?;
    let new = folder.path().join("new.wasm");
    fs::write(&new, parrot(2)?)?;
    let said = corral(&host, &["deploy", "chat", &new.display().to_string(), "--by", "ada"]).await?;
    assert!(said.contains("2  serving") && said.contains("by ada (127.0.0.1)"), "{said}");
    assert_eq!(ask(&host).await?, (2, 2));
    let listed: serde_json::Value = serde_json::from_str(&corral(&host, &["apps", "--json"]).await?)?;
    assert_eq!((serving(&listed[0])?, &listed[0]["generations"][0]["by"]), (2, &"settings".into()));
    corral(&host, &["rollback", "chat"]).await?;
    assert_eq!(ask(&host).await?, (1, 1));
    let log = host.log()?;
    assert!(log.contains("\"message\":\"rolled back\"") && log.contains("ada (127.0.0.1)"), "{log}");
    assert!(log.contains("\"generation\":2,\"method\":\"POST\""), "a request's line names it: {log}");
    Ok(())
}

#[tokio::test]
async fn what_serves_and_what_is_kept_outlive_a_restart() -> Result<()> {
    let files = tempfile::tempdir()?;
    let logic = files.path().join("logic.wasm");
    let settings = settings(&logic)?;
    let host = Host::with(settings.clone()).await?;
    for number in 2..=7 {
        deployed(&host, parrot(number)?).await?;
    }
    assert_eq!(roll_back(&host, "?to=6").await?, (StatusCode::OK, Some(6)));
    assert_eq!(roll_back(&host, "?to=1").await?.0, StatusCode::NOT_FOUND, "only five are kept");
    let folder = host.kill().await?;

    let host = Host::within(folder, &settings).await?;
    assert_eq!(ask(&host).await?, (6, 6));
    let numbers: Vec<_> = state(&host).await?["generations"]
        .as_array()
        .context("no generations")?
        .iter()
        .filter_map(|generation| generation["number"].as_u64())
        .collect();
    assert_eq!(numbers, [3, 4, 5, 6, 7]);
    assert_eq!(roll_back(&host, "").await?, (StatusCode::OK, Some(5)));
    assert_eq!(ask(&host).await?, (5, 5));
    assert_eq!(deployed(&host, parrot(8)?).await?, 8, "numbers are not used twice");
    let folder = host.kill().await?;

    // Another file in the settings is what its author wants to serve.
    fs::write(&logic, parrot(9)?)?;
    let host = Host::within(folder, &settings).await?;
    assert_eq!(ask(&host).await?, (9, 9));
    let folder = host.kill().await?;

    // A disk that has lost what was deployed.
    fs::remove_dir_all(folder.path().join(".corral/apps/chat/components"))?;
    let host = Host::within(folder, &settings).await?;
    assert_eq!(ask(&host).await?.1, 9);
    assert!(host.log()?.contains("what was deployed cannot be used"));
    Ok(())
}

#[tokio::test]
async fn who_returns_from_a_changed_file_stays_there() -> Result<()> {
    let files = tempfile::tempdir()?;
    let logic = files.path().join("logic.wasm");
    let settings = settings(&logic)?;
    let folder = Host::with(settings.clone()).await?.kill().await?;
    fs::write(&logic, parrot(2)?)?;
    let host = Host::within(folder, &settings).await?;
    assert_eq!(ask(&host).await?, (2, 2));
    assert_eq!(roll_back(&host, "").await?, (StatusCode::OK, Some(1)));
    let host = Host::within(host.kill().await?, &settings).await?;
    assert_eq!(ask(&host).await?, (1, 1), "the file is the one that was returned from");
    Ok(())
}

#[tokio::test]
async fn other_settings_make_a_new_generation_of_what_was_deployed() -> Result<()> {
    let files = tempfile::tempdir()?;
    let settings = settings(&files.path().join("logic.wasm"))?;
    let host = Host::with(settings.clone()).await?;
    assert_eq!(deployed(&host, parrot(2)?).await?, 2);
    let other = settings.set("apps.chat.config.retrieval_k", 3);
    let host = Host::within(host.kill().await?, &other).await?;
    assert_eq!(ask(&host).await?, (3, 2));
    Ok(())
}

#[tokio::test]
async fn an_operator_who_leaves_changes_all_or_nothing() -> Result<()> {
    let files = tempfile::tempdir()?;
    let settings = settings(&files.path().join("logic.wasm"))?;
    let host = Host::with(settings.clone()).await?;
    for number in 2..12 {
        let leaving = deploy(&host, parrot(number)?);
        drop(tokio::time::timeout(Duration::from_millis(u64::from(number) * 60), leaving).await);
    }
    // The last one may still be under way.
    until("no deployment is under way", async || {
        let reply = operate(&host, Method::POST, "/apps/chat/rollback?to=0", Vec::new()).await?;
        Ok(reply.status == StatusCode::NOT_FOUND)
    })
    .await?;
    let before = ask(&host).await?;
    assert!(before.0 > 1, "none of them came to its end");
    let host = Host::within(host.kill().await?, &settings).await?;
    assert_eq!(ask(&host).await?, before);
    Ok(())
}

/// Deploys without end until the host is killed at some moment.
async fn killed_while_deploying(host: Host, after: Duration) -> Result<tempfile::TempDir> {
    let deploying = async {
        for number in (1..=9).cycle() {
            deploy(&host, parrot(number)?).await?;
        }
        anyhow::Ok(())
    };
    // What is cut short is the point.
    drop(tokio::time::timeout(after, deploying).await);
    host.kill().await
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_deployment_leaves_one_whole_generation() -> Result<()> {
    let files = tempfile::tempdir()?;
    let settings: Settings = settings(&files.path().join("logic.wasm"))?;
    let mut folder = tempfile::tempdir()?;
    for after in [40, 90, 170, 230, 310] {
        let host = Host::within(folder, &settings).await?;
        ask(&host).await?;
        folder = killed_while_deploying(host, Duration::from_millis(after)).await?;
    }
    let host = Host::within(folder, &settings).await?;
    ask(&host).await?;
    Ok(())
}
