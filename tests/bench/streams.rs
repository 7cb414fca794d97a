//! What a stream takes while it is open, from one to a thousand of them.

use anyhow::{Context, Result};
use e2e::{Events, Host, Settings, parrot};
use futures_util::future::try_join_all;
use serde_json::json;
use std::{fs, time::Duration};

/// Streams that are open at once.
const STREAMS: [usize; 3] = [1, 100, 1000];
/// For the host to settle.
const REST: Duration = Duration::from_secs(2);

pub async fn measure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let logic = folder.path().join("logic.wasm");
    fs::write(&logic, parrot(1)?)?;
    let settings = Settings::new()?
        .set("apps.chat.logic", logic.display().to_string())
        .set("apps.chat.limits.instances", 1100)
        .set("apps.chat.limits.cpu", "60s")
        .set("log.filter", "warn");
    let host = Host::with(settings).await?;
    let resident = async || {
        tokio::time::sleep(REST).await;
        anyhow::Ok(host.memory()? as f64 / 1024.0)
    };
    let client = host.client()?;
    let never =
        json!({ "session_id": "2f1b6a0e-0000-4000-8000-000000000000", "message": "Say it and never end." });
    // What the first one needs once stays.
    drop(opened(client.stream(&never).await?).await?);
    let idle = resident().await?;
    println!(
        "streams of a logic that says a word every 25 ms; the host alone takes {:.0} MiB:",
        idle / 1024.0
    );
    for count in STREAMS {
        let streams = (0..count).map(|_| async { opened(client.stream(&never).await?).await });
        let streams = try_join_all(streams).await?;
        let (before, busy) = (e2e::process::processor_time(host.id()?)?, resident().await?);
        let computed = e2e::process::processor_time(host.id()?)?.saturating_sub(before);
        let each = (busy - idle) / count as f64;
        let share = computed.as_secs_f64() / REST.as_secs_f64() * 100.0;
        println!("  {count:>5} at once: {each:>7.0} KiB each, {share:>4.0} % of a processor");
        drop(streams);
    }
    println!("  afterwards {:.0} MiB", resident().await? / 1024.0);
    Ok(())
}

/// A stream that has said its first word.
async fn opened(mut events: Events) -> Result<Events> {
    while events.next().await?.context("the stream ended")?.name != "delta" {}
    Ok(events)
}
