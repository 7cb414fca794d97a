//! Files that are watched, and components that have to be signed.

use super::{ask, deploy, operate, settings};
use anyhow::{Context, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use e2e::{Host, Reply, parrot, root, until};
use reqwest::{Method, StatusCode};
use std::{fs, path::Path, process::Stdio};
use tempfile::TempDir;
use tokio::process::Command;

#[tokio::test]
async fn a_watched_file_is_deployed_when_it_changes_and_a_broken_one_is_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let logic = folder.path().join("logic.wasm");
    let host = Host::with(settings(&logic)?.set("apps.chat.watch", true)).await?;
    fs::write(&logic, parrot(2)?)?;
    until("the written file serves", async || Ok(ask(&host).await? == (2, 2))).await?;
    fs::write(&logic, b"broken")?;
    until("the log says why it does not", async || Ok(host.log()?.contains("not deployed"))).await?;
    assert_eq!(ask(&host).await?, (2, 2));
    let draft = folder.path().join("draft");
    fs::write(&draft, parrot(3)?)?;
    fs::rename(&draft, &logic)?;
    until("the renamed file serves", async || Ok(ask(&host).await? == (3, 3))).await
}

/// A pair of keys in a folder.
struct Keys(TempDir);

impl Keys {
    async fn new() -> Result<Self> {
        let keys = Self(tempfile::tempdir()?);
        keys.minisign(&["-G", "-W", "-f", "-p", "public", "-s", "secret"]).await?;
        Ok(keys)
    }

    /// The public one, as it stands in settings.
    fn public(&self) -> Result<String> {
        let file = fs::read_to_string(self.0.path().join("public"))?;
        Ok(file.lines().last().context("no key")?.to_owned())
    }

    /// The signature of a component.
    async fn signed(&self, bytes: &[u8]) -> Result<String> {
        fs::write(self.0.path().join("component"), bytes)?;
        self.minisign(&["-S", "-W", "-s", "secret", "-m", "component"]).await?;
        Ok(fs::read_to_string(self.0.path().join("component.minisig"))?)
    }

    async fn minisign(&self, arguments: &[&str]) -> Result<()> {
        let mut minisign = Command::new("minisign");
        let ended = minisign.args(arguments).current_dir(self.0.path()).stdin(Stdio::null()).output().await;
        let ended = ended.context("minisign: run `make services`")?;
        ensure!(ended.status.success(), "minisign: {}", String::from_utf8_lossy(&ended.stderr));
        Ok(())
    }
}

/// Puts signatures beside files.
async fn sign(files: &[&Path], keys: &Keys) -> Result<()> {
    for file in files {
        let signature = keys.signed(&fs::read(file)?).await?;
        fs::write(format!("{}.minisig", file.display()), signature)?;
    }
    Ok(())
}

async fn deploy_signed(host: &Host, bytes: Vec<u8>, signature: &str) -> Result<Reply> {
    let request = host.admin()?.request(Method::POST, "/apps/chat/deploy").bearer_auth(host.token()?);
    Reply::of(request.header("x-corral-signature", BASE64_STANDARD.encode(signature)).body(bytes)).await
}

#[tokio::test]
async fn with_trusted_keys_only_what_is_signed_starts_and_is_deployed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (logic, gateway) = (folder.path().join("logic.wasm"), folder.path().join("gateway.wasm"));
    let (keys, others) = (Keys::new().await?, Keys::new().await?);
    fs::copy(root().join("target/wasm32-wasip2/component/corral_gateway.wasm"), &gateway)?;
    let settings = settings(&logic)?
        .set("apps.chat.gateway", gateway.display().to_string())
        .set("apps.chat.trusted_keys", vec![keys.public()?]);
    let error = Host::with(settings.clone()).await.err().map(|error| format!("{error:#}"));
    assert!(error.is_some_and(|error| error.contains("it is not signed, and trusted_keys are set")));

    sign(&[&logic, &gateway], &keys).await?;
    let host = Host::with(settings.clone()).await?;
    let unsigned = deploy(&host, parrot(2)?).await?;
    let foreign = deploy_signed(&host, parrot(2)?, &others.signed(&parrot(2)?).await?).await?;
    let changed = deploy_signed(&host, parrot(2)?, &keys.signed(&parrot(3)?).await?).await?;
    for refused in [unsigned, foreign, changed] {
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let detail = refused.body["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with("verify: "), "{detail}");
    }
    assert_eq!(ask(&host).await?, (1, 1));
    let right = deploy_signed(&host, parrot(2)?, &keys.signed(&parrot(2)?).await?).await?;
    assert_eq!(right.status, StatusCode::OK, "{}", right.body);
    assert_eq!(ask(&host).await?, (2, 2));

    // The key is trusted no more, and the files are signed anew.
    let folder = host.kill().await?;
    sign(&[&logic, &gateway], &others).await?;
    let settings = settings.set("apps.chat.trusted_keys", vec![others.public()?]);
    let host = Host::within(folder, &settings).await?;
    assert_eq!(ask(&host).await?.1, 1, "what was deployed is signed with no key that is trusted now");
    let back = operate(&host, Method::POST, "/apps/chat/rollback?to=2", Vec::new()).await?;
    assert_eq!(back.status, StatusCode::NOT_FOUND);
    Ok(())
}
