//! A trivial route: what an instance for each request costs beside no sandbox at all, and beside `wasmtime serve`.

use super::{load, plain};
use anyhow::{Context, Result};
use corral_services::Wasmtime;
use e2e::{Host, Settings, root, statistics::quantile};
use std::{env, net::SocketAddr, path::PathBuf};

/// One that the gateway answers by itself: two components, routing, a JSON body.
const GATEWAY: &str = "/api/v1/nowhere";
/// One that a component without chat logic answers, there and here.
const ALONE: &str = "/plain/hello";
const THERE: &str = "/hello";
const ROUNDS: usize = 5;

/// Something that answers a path.
struct Side {
    name: &'static str,
    address: SocketAddr,
    path: &'static str,
    /// Requests a second, round by round.
    rates: Vec<f64>,
}

pub async fn compare() -> Result<()> {
    let component = root().join("target/wasm32-wasip2/component/plain.wasm");
    let settings = Settings::new()?
        .set("apps.plain.gateway", component.display().to_string())
        .set("apps.plain.route", "/plain");
    let host = Host::with(settings.set("log.filter", "warn")).await?;
    let plain = plain::Server::start().await?;
    let wasmtime = match program() {
        Some(program) => Some(Wasmtime::start(&program, &component).await?),
        None => None,
    };
    let side = |name, address, path| Side { name, address, path, rates: Vec::new() };
    let corral = host.address()?;
    let mut sides = vec![
        side("plain hyper", plain.address(), GATEWAY),
        side("corral, gateway and logic", corral, GATEWAY),
        side("corral, a component alone", corral, ALONE),
    ];
    sides.extend(wasmtime.as_ref().map(|one| side("wasmtime serve, the same one", one.address(), THERE)));
    for _ in 0..ROUNDS {
        for side in &mut sides {
            side.rates.push(load::requests_per_second(side.address, side.path).await?);
        }
    }

    println!("trivial route, {} connections, medians of {ROUNDS} rounds:", load::CONNECTIONS);
    println!("  {:<30} {:>10} {:>14} {:>14}", "", "requests/s", "of plain hyper", "µs for one");
    let floor = median(&sides[0].rates)?;
    for Side { name, address, path, rates } in &sides {
        let (rate, one) = (median(rates)?, load::latency(*address, path).await? * 1e6);
        println!("  {name:<30} {rate:>10.0} {:>14.2} {one:>14.0}", rate / floor);
    }
    if let [_, _, alone, there] = &sides[..] {
        let ratio = median(&alone.rates)? / median(&there.rates)?;
        println!("  the component alone answers {ratio:.2} times as many as in wasmtime serve");
    } else {
        println!("  WASMTIME=/path/to/wasmtime adds wasmtime serve.");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a bench is told of other programs by the environment")]
fn program() -> Option<PathBuf> {
    env::var_os("WASMTIME").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn median(rates: &[f64]) -> Result<f64> {
    quantile(rates, 0.5).context("no rounds")
}
