//! The page at `/` and the operators' page, in a real browser (`tests/fixtures/page`).

use anyhow::{Context, Result};
use e2e::{Host, Settings, parrot, root};
use serde_json::json;
use std::{fs, os::unix::fs::symlink, path::Path};
use tokio::process::Command;

const FIXTURES: &str = "tests/fixtures/page";
/// Where `scripts/browser.sh` puts Node.js and what drives the browser.
const DRIVER: &str = ".corral/page";

/// The repository's settings with short answers, and beside them an application that says what it is told to.
fn settings(parrot: &Path) -> Result<Settings> {
    let settings = Settings::new()?;
    let gateway = settings.get("apps.chat.gateway").context("no gateway")?.clone();
    let grants = settings.get("apps.chat.grants.gateway").context("no grants")?.clone();
    Ok(settings
        .set("apps.chat.config.answer_tokens", 90)
        // Beside other tests compiling takes its time.
        .set("deploy.compile_timeout", "5m")
        .set("apps.parrot.gateway", gateway)
        .set("apps.parrot.grants.gateway", grants)
        .set("apps.parrot.grants.logic", vec!["inference"])
        .set("apps.parrot.logic", parrot.display().to_string())
        .set("apps.parrot.route", "/parrot"))
}

/// Has the browser go through parts of the fixtures; each tells of the promises that are kept, and ends at one that is
/// broken.
async fn holds(parts: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let logic = folder.path().join("parrot.wasm");
    fs::write(&logic, parrot(1)?)?;
    fs::write(folder.path().join("second.wasm"), parrot(2)?)?;
    let host = Host::with(settings(&logic)?).await?;

    let driver = root().join(DRIVER);
    anyhow::ensure!(driver.join("installed").exists(), "no browser: run `make browser`");
    for entry in fs::read_dir(root().join(FIXTURES))? {
        let path = entry?.path();
        fs::copy(&path, folder.path().join(path.file_name().context("a file has a name")?))?;
    }
    symlink(driver.join("node_modules"), folder.path().join("node_modules"))?;
    let given = json!({
        "url": format!("{}/", host.url()),
        "parrot": format!("{}/parrot", host.url()),
        "admin": format!("http://{}/", host.admin_address()?),
        "token": host.token()?,
        "folder": folder.path(),
        "parts": parts,
    });
    let run = Command::new(driver.join("bin/node"))
        .arg("run.mjs")
        .arg(given.to_string())
        .current_dir(folder.path())
        .kill_on_drop(true)
        .output()
        .await
        .context("starting Node.js")?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    anyhow::ensure!(run.status.success(), "{}{}", said(&run.stdout), said(&run.stderr));
    Ok(())
}

#[tokio::test]
async fn a_person_finds_the_page_to_work_as_it_says() -> Result<()> {
    holds(&["chat"]).await
}

#[tokio::test]
async fn the_page_is_harmless_and_patient_whatever_it_is_answered() -> Result<()> {
    holds(&["hostile", "failures"]).await
}

#[tokio::test]
async fn operators_see_their_host_and_deploy_by_button() -> Result<()> {
    holds(&["admin"]).await
}
