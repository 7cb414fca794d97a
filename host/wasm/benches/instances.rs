//! What an instance costs: made and thrown away, without a pool, from the pool, and in a place of the pool that keeps its
//! component's image.
//!
//! `make components`, then `cargo bench --workspace --bench instances`.

#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, Result};
use bytesize::ByteSize;
use corral_wasm::guest::{
    Engine,
    engine::{Room, Warm},
};
use std::{fs, path::Path, time::Instant};
use wasmtime::{
    Store,
    component::{Component, InstancePre, Linker},
};

const ROUNDS: usize = 20;
/// Instances in a round, one after the other.
const INSTANCES: u32 = 200;
const ROOM: Room = Room { instances: 100, components: 2 };

/// A way to have instances.
struct Side {
    name: &'static str,
    component: InstancePre<()>,
    /// Microseconds for an instance, round by round.
    times: Vec<f64>,
}

fn main() -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/wasm32-wasip2/component/corral_gateway.wasm");
    let bytes = fs::read(&file).context("reading the gateway (`make components` builds it)")?;
    let nothing_kept = Engine::new(ROOM, Warm { places: 0, memory: ByteSize(0) })?;
    let kept = Engine::new(ROOM, Warm { places: 100, memory: ByteSize::mib(4) })?;
    let mut sides = [
        Side::new("without a pool", &Engine::compiler()?, &bytes)?,
        Side::new("from the pool", nothing_kept.wasm(), &bytes)?,
        Side::new("from the pool, warm", kept.wasm(), &bytes)?,
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for _ in 0..ROUNDS {
        for side in &mut sides {
            let begun = Instant::now();
            for _ in 0..INSTANCES {
                runtime.block_on(side.once())?;
            }
            side.times.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(INSTANCES));
        }
    }
    println!("an instance of the gateway, made and thrown away, µs, medians of {ROUNDS} rounds:");
    let slowest = sides[0].median()?;
    for side in &mut sides {
        let median = side.median()?;
        println!("  {:<22} {median:>8.1}   ratio {:.2}", side.name, median / slowest);
    }
    Ok(())
}

impl Side {
    /// Nothing that the component imports is there; it is instantiated all the same, and not called.
    fn new(name: &'static str, engine: &wasmtime::Engine, bytes: &[u8]) -> Result<Self> {
        let component = Component::new(engine, bytes)?;
        let mut linker = Linker::new(engine);
        linker.define_unknown_imports_as_traps(&component)?;
        Ok(Self { name, component: linker.instantiate_pre(&component)?, times: Vec::new() })
    }

    async fn once(&self) -> Result<()> {
        let mut store = Store::new(self.component.engine(), ());
        // Its thread counts; nothing here runs long enough to be stopped.
        store.set_epoch_deadline(u64::MAX / 2);
        self.component.instantiate_async(&mut store).await?;
        Ok(())
    }

    fn median(&mut self) -> Result<f64> {
        self.times.sort_by(f64::total_cmp);
        self.times.get(self.times.len() / 2).copied().context("no rounds")
    }
}
