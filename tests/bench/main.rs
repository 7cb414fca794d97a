//! What the host costs: a trivial route against a plain hyper server, and a turn stage by stage.
//!
//! Both sides of a comparison run in turns in one run, under the same load; the figure that
//! counts is their ratio.

#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

mod load;
mod plain;
mod turn;

use anyhow::Result;
use e2e::{Host, Settings};

/// A route that the gateway answers by itself: instance, routing, a JSON body.
const ROUTE: &str = "/api/v1/nowhere";
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if std::env::args().any(|argument| argument == plain::ARGUMENT) {
        return runtime.block_on(plain::serve());
    }
    runtime.block_on(async {
        trivial_route().await?;
        turn::stages().await
    })
}

async fn trivial_route() -> Result<()> {
    let host = Host::with(Settings::new()?.set("log.filter", "warn")).await?;
    let plain = plain::Server::start().await?;
    let mut ratios = Vec::new();
    println!("trivial route, {} connections, requests per second:", load::CONNECTIONS);
    for _ in 0..ROUNDS {
        let floor = load::requests_per_second(plain.address(), ROUTE).await?;
        let corral = load::requests_per_second(host.address()?, ROUTE).await?;
        ratios.push(floor / corral);
        println!("  plain hyper {floor:>8.0}   corral {corral:>8.0}   ratio {:.2}", floor / corral);
    }
    ratios.sort_by(f64::total_cmp);
    println!("  median: plain hyper is {:.2} times as fast", ratios[ROUNDS / 2]);
    let one = load::latency(host.address()?, ROUTE).await? - load::latency(plain.address(), ROUTE).await?;
    println!("  one request alone: {:.0} µs more than plain hyper", one * 1e6);
    Ok(())
}
