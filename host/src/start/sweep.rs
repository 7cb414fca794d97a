//! Expired sessions are removed with everything that hangs on them, here and in shared stores.

use crate::apps::Backing;
use corral_wasm::imports::Services;
use std::{sync::Arc, time::Duration};

/// An expired session is unknown at once; this is only about the space it takes.
const PAUSE: Duration = Duration::from_secs(60);

/// Removes expired sessions, now and then, for as long as the host runs.
pub(super) async fn expired(backing: Arc<Backing>) {
    loop {
        for services in backing.iter() {
            let store = services.label.as_str();
            if let Err(error) = forget(services).await {
                let cause = format!("{error:#}");
                tracing::warn!(store, cause, "what is cached is not compared with the sessions");
            }
            match sweep(services).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(store, count, "expired sessions removed"),
                Err(error) => {
                    let cause = format!("{error:#}");
                    tracing::warn!(store, cause, "expired sessions not removed; trying again");
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Drops what is cached here for sessions that another host deleted or found expired.
async fn forget(services: &Services) -> anyhow::Result<()> {
    for owner in services.models.resting().await {
        let Some(id) = services.session(&owner) else { continue };
        // Read without its time to live starting anew.
        if services.sessions.record(id).await?.is_none() {
            services.models.forget(&owner).await;
        }
    }
    Ok(())
}

/// Documents go first: if the host dies in between, the session is found again.
async fn sweep(services: &Services) -> anyhow::Result<usize> {
    let mut count = 0;
    loop {
        let expired = services.sessions.expired().await?;
        if expired.is_empty() {
            return Ok(count);
        }
        for id in &expired {
            services.vectors.delete_partition(id).await?;
            services.models.forget(&services.owner(id)).await;
            services.sessions.purge(id).await?;
        }
        count += expired.len();
    }
}
