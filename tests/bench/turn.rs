//! Where the time of a chat turn goes.

use anyhow::{Context, Result};
use e2e::{Host, Settings};
use serde_json::json;
use std::{collections::BTreeMap, time::Instant};

const TURNS: u32 = 10;

/// Prints the stages of a turn with history and documents, and what is left for the host itself.
pub async fn stages() -> Result<()> {
    let host = Host::with(Settings::new()?.set("inference.n_ubatch", 512)).await?;
    let client = host.client()?;
    let session = client.session().await?;
    let text: String =
        (0..100).map(|n| format!("Sentence {n} speaks of a grey heron by the river. ")).collect();
    client.documents(&session, json!([text])).await?;
    client.say(&session, "Hello.").await?;

    let before = imports(&host).await?;
    let mut whole = 0.0;
    for turn in 0..TURNS {
        let begun = Instant::now();
        client.say(&session, &format!("What does sentence {turn} speak of?")).await?;
        whole += begun.elapsed().as_secs_f64();
    }
    let after = imports(&host).await?;

    println!("a chat turn (24 tokens of answer, documents, growing history), mean of {TURNS}, milliseconds:");
    let mut waited = 0.0;
    for (name, seconds) in &after {
        let spent = seconds - before.get(name).unwrap_or(&0.0);
        waited += spent;
        if spent > 0.0 {
            println!("  {name:<28} {:>9.3}", spent * 1e3 / f64::from(TURNS));
        }
    }
    let own = whole - waited;
    println!(
        "  {:<28} {:>9.3}   ({:.2} %)",
        "all else: the host's share",
        own * 1e3 / f64::from(TURNS),
        100.0 * own / whole
    );
    println!("  {:<28} {:>9.3}", "the whole turn", whole * 1e3 / f64::from(TURNS));
    Ok(())
}

/// Seconds spent in each import since the host's start.
async fn imports(host: &Host) -> Result<BTreeMap<String, f64>> {
    let metrics = host.admin()?.get("/metrics").bearer_auth(host.token()?).send().await?.text().await?;
    let samples = metrics.lines().filter_map(|line| line.strip_prefix("corral_import_duration_seconds_sum{"));
    samples
        .map(|sample| {
            let (labels, seconds) = sample.split_once("} ").context("a sample without a value")?;
            let label =
                |name: &str| labels.split('"').skip_while(|part| !part.ends_with(&format!("{name}="))).nth(1);
            let name = format!("{}.{}", label("interface").unwrap_or("?"), label("function").unwrap_or("?"));
            Ok((name, seconds.parse()?))
        })
        .collect()
}
