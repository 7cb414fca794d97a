//! A component is replaced while the application serves.

use super::{asked, spin};
use crate::hot_swap::{GENERATION, corral};
use anyhow::{Context, Result};
use e2e::{Host, Settings, root};

#[tokio::test]
async fn a_component_is_replaced_by_its_id() -> Result<()> {
    let host = Host::spin(&spin()?, &Settings::new()?).await?;
    let client = host.client()?;
    let before = client.get("/kitchen/echo").send().await?;
    let generation = before.headers().get(GENERATION).context("no generation")?.clone();
    let other = root().join("target/spin-fixtures/wasm32-wasip2/component/other.wasm");
    corral(&host, &["deploy", "kitchen", &other.display().to_string(), "--component", "gateway"]).await?;
    let after = client.get("/kitchen/echo").send().await?;
    assert_ne!(after.headers().get(GENERATION).context("no generation")?, &generation);
    assert_eq!(after.text().await?, "other: GET /kitchen/echo by /kitchen/...: ");
    corral(&host, &["rollback", "kitchen"]).await?;
    assert_eq!(asked(&host, "/kitchen/echo").await?["method"], "GET");

    // What wants more than the manifest offers, or is nothing, changes nothing.
    let nothing = host.folder().join("runtime.toml").display().to_string();
    assert!(corral(&host, &["deploy", "kitchen", &nothing, "--component", "gateway"]).await.is_err());
    assert_eq!(asked(&host, "/kitchen/echo").await?["method"], "GET");
    Ok(())
}
