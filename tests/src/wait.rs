//! Waiting for something that happens by itself.

use anyhow::{Context, Result};
use std::time::Duration;

/// What is waited for comes within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// Asks again until the answer is yes.
pub async fn until(what: &str, asks: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let yes = async {
        while !asks().await? {
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, yes).await.with_context(|| format!("waiting until {what}"))?
}
