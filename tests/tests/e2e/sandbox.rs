//! A component that breaks a limit harms its own request alone.

use anyhow::Result;
use e2e::{Host, Reply, Settings, root};
use reqwest::StatusCode;
use std::time::{Duration, Instant};

async fn host() -> Result<Host> {
    let hostile = root().join("target/wasm32-wasip2/component/hostile.wasm");
    let settings = Settings::new()?
        .set("apps.chat.gateway", hostile.display().to_string())
        .set("apps.chat.limits.cpu", "300ms")
        .set("apps.chat.limits.memory", "16 MiB");
    Host::with(settings).await
}

#[tokio::test]
async fn each_broken_limit_is_a_500_and_the_next_request_is_served() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    for path in ["/loop", "/grow", "/recurse", "/trap", "/nothing"] {
        let broken = Reply::of(client.get(path)).await?;
        assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(broken.body["detail"].is_string(), "{path}: {}", broken.body);
        assert_eq!(Reply::of(client.get("/fine")).await?.status, StatusCode::OK, "after {path}");
    }
    for (kind, count) in [("cpu", 1.0), ("memory", 1.0), ("trap", 2.0), ("no_response", 1.0)] {
        let sample = format!("corral_request_failures_total{{app=\"chat\",kind=\"{kind}\"}}");
        assert_eq!(host.metric(&sample).await?, Some(count), "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn a_flood_of_output_is_cut() -> Result<()> {
    let host = host().await?;
    assert_eq!(Reply::of(host.client()?.get("/flood")).await?.status, StatusCode::OK);
    let log = host.log()?;
    assert!(log.contains("line 1 of a flood") && log.contains("prints too much"), "{log}");
    assert!(log.len() < 1 << 20, "{} bytes of log", log.len());
    Ok(())
}

#[tokio::test]
async fn others_are_served_while_components_loop() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    let loops: Vec<_> = (0..4).map(|_| tokio::spawn(client.get("/loop").send())).collect();
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(Reply::of(client.get("/fine")).await?.status, StatusCode::OK);
    }
    // Four loops of 300 ms on two cores: waiting for all of them would take far longer.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for task in loops {
        assert_eq!(task.await??.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    Ok(())
}
