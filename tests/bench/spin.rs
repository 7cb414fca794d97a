//! The same Spin application here and on stock Spin: a trivial request under load, and text generation for several
//! users. Stock Spin's models are Corral's, by its remote LLM protocol, so that both generate with the same engine.

use super::load::{self, Answered};
use anyhow::{Context, Result};
use corral_services::SpinUp;
use e2e::{Host, Settings, Spin, statistics::quantile};
use std::{env, net::SocketAddr, path::PathBuf, time::Duration};

const ECHO: &str = "/kitchen/echo";
const LLM: &str = "/kitchen/llm?prompt=The%20heron%20stands%20in%20the%20water%20and&max=16";
const USERS: usize = 8;
const ECHO_TIME: Duration = Duration::from_secs(2);
const LLM_TIME: Duration = Duration::from_secs(10);
const ROUNDS: usize = 5;
const TOKEN: &str = "bench-of-spin";

/// Something that serves the application.
struct Side {
    name: &'static str,
    address: SocketAddr,
    echo: Vec<Answered>,
}

pub async fn compare() -> Result<()> {
    let spin = Spin::new()?.only(&["kitchen", "other", "hidden"]);
    let host = Host::spin(&spin, &Settings::new()?.set("log.filter", "warn")).await?;
    let mut sides = vec![Side { name: "corral", address: host.address()?, echo: Vec::new() }];
    let stock = match program() {
        Some(program) => Some(Stock::start(&program, spin).await?),
        None => None,
    };
    sides.extend(stock.as_ref().map(|one| Side {
        name: "spin up",
        address: one.spin.address(),
        echo: Vec::new(),
    }));
    for _ in 0..ROUNDS {
        for side in &mut sides {
            side.echo.push(load::under(load::CONNECTIONS, ECHO_TIME, side.address, ECHO).await?);
        }
    }

    println!(
        "a Spin application, medians of {ROUNDS} rounds; {USERS} users for {LLM_TIME:?} where a model answers:"
    );
    println!("  {:<12} {:>16} {:>12} {:>20}", "", "requests/s at 64", "p99, ms", "llm calls/s at 8");
    for Side { name, address, echo } in &sides {
        let rates: Vec<_> = echo.iter().map(|answered| answered.rate).collect();
        let late = echo.iter().map(|answered| quantile(&answered.seconds, 0.99).context("no request"));
        let late = late.collect::<Result<Vec<_>>>()?;
        let calls = load::under(USERS, LLM_TIME, *address, LLM).await?.rate;
        println!("  {name:<12} {:>16.0} {:>12.2} {calls:>20.2}", median(&rates)?, median(&late)? * 1e3);
    }
    if stock.is_none() {
        println!("  SPIN=/path/to/spin adds stock Spin.");
    }
    Ok(())
}

/// Stock Spin, and the host that is its remote LLM.
struct Stock {
    spin: SpinUp,
    _models: Host,
}

impl Stock {
    async fn start(program: &std::path::Path, spin: Spin) -> Result<Self> {
        let settings = Settings::new()?.set("log.filter", "warn").set("apps.chat.config.spin_token", TOKEN);
        let models = Host::with(settings).await?;
        let spin = spin
            .runtime("llm_compute.type", "remote_http")
            .runtime("llm_compute.url", models.url())
            .runtime("llm_compute.auth_token", TOKEN);
        let spin = SpinUp::start(program, |folder| spin.write(folder).map(drop)).await?;
        Ok(Self { spin, _models: models })
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench is told of other programs by the environment")]
fn program() -> Option<PathBuf> {
    env::var_os("SPIN").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn median(values: &[f64]) -> Result<f64> {
    quantile(values, 0.5).context("no rounds")
}
