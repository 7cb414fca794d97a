//! One look at each server that the stores are on. Nothing is made there.

use super::Finding;
use crate::config::Place;
use anyhow::Context;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// The server of conversations; none if they are in the store's file.
pub(super) fn sessions(place: &Place<'_>) -> Option<Finding> {
    let table = place.table("sessions");
    match place.sessions.backend {
        corral_sessions::Backend::Embedded => None,
        corral_sessions::Backend::Redis => {
            let asked = waited(async {
                let sessions = corral_sessions::Sessions::open(place.sessions, &place.file).await?;
                Ok(sessions.ping().await?)
            });
            let mend = format!("start Redis, or change [{table}] in runtime.toml");
            Some(finding(&table, "Redis answers", asked, &mend))
        }
    }
}

/// The server of passages; none if they are in the store's file.
pub(super) fn vectors(place: &Place<'_>) -> Option<Finding> {
    let table = place.table("vectors");
    match place.vectors.backend {
        corral_vectors::Backend::Embedded => None,
        corral_vectors::Backend::Chroma => {
            let asked = waited(async { Ok(corral_vectors::Vectors::heartbeat(place.vectors).await?) });
            let mend = format!("start ChromaDB 1.x (`chroma run`), or change [{table}] in runtime.toml");
            Some(finding(&table, "ChromaDB answers", asked, &mend))
        }
    }
}

pub(super) fn waited(question: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::time::timeout(PATIENCE, question).await.context("no answer")? })
}

pub(super) fn finding(name: &str, fine: &str, asked: anyhow::Result<()>, mend: &str) -> Finding {
    match asked {
        Ok(()) => Finding::good(name, fine),
        Err(error) => Finding::bad(name, format!("{error:#}"), Some(mend.to_owned())),
    }
}
