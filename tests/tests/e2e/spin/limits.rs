//! A component that breaks a limit ends its own request, and nobody else's.

use super::{asked, spin};
use anyhow::Result;
use e2e::{Host, Reply, Settings, Spin};
use futures_util::future::join_all;
use reqwest::StatusCode;

#[tokio::test]
async fn a_loop_too_much_memory_and_a_panic_are_500_for_their_own_request() -> Result<()> {
    let settings = Settings::new()?.set("spin.limits.cpu", "1s");
    let host = Host::spin(&spin()?, &settings).await?;
    let client = host.client()?;
    let broken = ["loop", "grow", "panic"].map(|what| Reply::of(client.get(&format!("/kitchen/{what}"))));
    let (broken, fine) = tokio::join!(join_all(broken), asked(&host, "/kitchen/echo"));
    for reply in broken {
        assert_eq!(reply?.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    for kind in ["cpu", "memory", "trap"] {
        let sample = format!("corral_request_failures_total{{app=\"kitchen\",kind=\"{kind}\"}}");
        assert_eq!(host.metric(&sample).await?, Some(1.0), "{kind}");
    }
    assert_eq!(fine?["method"], "GET");
    assert_eq!(asked(&host, "/kitchen/echo").await?["method"], "GET");
    Ok(())
}

#[tokio::test]
async fn a_host_whose_instances_run_out_says_when_to_return() -> Result<()> {
    let settings = Settings::new()?.set("spin.limits.instances", 1).set("spin.limits.wait", "10ms");
    let host = Host::spin(&Spin::new()?.only(&["trickle"]), &settings).await?;
    let client = host.client()?;
    let busy = client.get("/trickle").send().await?;
    let reply = Reply::of(client.get("/trickle")).await?;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reply.header("retry-after").is_some());
    assert!(busy.text().await?.ends_with("line 4\n"));
    Ok(())
}
