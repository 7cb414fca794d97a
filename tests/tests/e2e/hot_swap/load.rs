//! Replacing under load: nothing fails, nothing is cut, nothing is mixed.

use super::{GENERATION, ask, asked, deployed, serving, settings, state, streamed, who};
use anyhow::{Context, Result, ensure};
use e2e::{Events, Host, parrot};
use reqwest::StatusCode;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

const SWAPS: u32 = 1_000;
const ASKING: usize = 4;
const STREAMING: usize = 4;
/// A replaced generation leaves nothing in memory. What has been mapped of instances' places may still grow a little.
const MOST_GROWTH: u64 = 64 << 20;

/// Hears a stream that takes longer than a replacement; gives its generation and its parrot.
async fn listen(host: &Host) -> Result<(u64, u32)> {
    let response = host.client()?.post("/api/v1/chat/chat/stream", &asked("slowly")).send().await?;
    ensure!(response.status() == StatusCode::OK, "{}", response.status());
    let generation = response.headers().get(GENERATION).context("no generation")?.to_str()?.parse()?;
    let (mut events, mut all) = (Events::new(response), Vec::new());
    while let Some(event) = events.next().await? {
        all.push(event);
    }
    Ok((generation, who(&streamed(&all)?)?))
}

/// The parrots take turns, so that the generation tells which one it is.
fn check((generation, parrot): (u64, u32)) -> Result<u64> {
    ensure!(u64::from(parrot) == 2 - generation % 2, "generation {generation} is parrot {parrot}");
    Ok(generation)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_replacements_lose_cut_and_mix_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // Generations end when their requests have, and not before, however many there are.
    let settings = settings(&folder.path().join("logic.wasm"))?.set("deploy.drain", "2m");
    let host = Arc::new(Host::with(settings.set("log.filter", "warn")).await?);
    let over = Arc::new(AtomicBool::new(false));
    let mut people = Vec::new();
    for person in 0..ASKING + STREAMING {
        let (host, over) = (host.clone(), over.clone());
        people.push(tokio::spawn(async move {
            let mut generations = Vec::new();
            while !over.load(Relaxed) {
                let heard = if person < ASKING { ask(&host).await? } else { listen(&host).await? };
                generations.push(check(heard)?);
            }
            anyhow::Ok(generations)
        }));
    }
    let mut before = 0;
    for swap in 1..=SWAPS {
        if swap == SWAPS / 2 {
            before = host.memory()?;
        }
        let number = deployed(&host, parrot(1 + swap % 2)?).await?;
        ensure!(number == u64::from(swap) + 1, "swap {swap} made generation {number}");
    }
    over.store(true, Relaxed);
    for person in people {
        let generations = person.await??;
        assert!(generations.is_sorted(), "an older generation came after a newer one: {generations:?}");
        assert!(generations.len() > 20, "a person heard {} answers only", generations.len());
    }
    let deployments = "corral_deployments_total{app=\"chat\",outcome=\"deployed\"}";
    assert_eq!(host.metric(deployments).await?, Some(f64::from(SWAPS)));
    for stage in ["verify", "compose", "compile", "link", "probe", "record"] {
        let timed =
            format!("corral_deployment_stage_duration_seconds_count{{app=\"chat\",stage=\"{stage}\"}}");
        assert_eq!(host.metric(&timed).await?, Some(f64::from(SWAPS)), "{stage}");
    }
    host.until_metric("corral_app_draining_generations", 0.0).await?;
    let grown = host.memory()?.saturating_sub(before);
    assert!(grown < MOST_GROWTH, "{} MiB more after {} replacements", grown >> 20, SWAPS / 2);
    let state = state(&host).await?;
    assert_eq!((serving(&state)?, state["generations"].as_array().map(Vec::len)), (1001, Some(5)));
    Ok(())
}
