//! The Wasm engine: how components are compiled, pooled and interrupted.

use anyhow::Context as _;
use bytesize::ByteSize;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// The most linear memory that one component may have: the pool's slots are this large.
pub const MAX_MEMORY: ByteSize = ByteSize::mib(64);

/// How often a computing guest yields to the others.
const TICK: Duration = Duration::from_millis(2);

/// How many instances there can be at once, and of what.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Instances of applications.
    pub instances: u32,
    /// The components that an application is composed of, at most: a gateway and its logic, or a component of Spin's and
    /// its dependencies. Each has a memory of its own.
    pub components: u32,
}

/// What stays ready of instances that have ended.
#[derive(Debug, Clone, Copy)]
pub struct Warm {
    /// Places that keep their component's image mapped for the next one of it.
    pub places: u32,
    /// Memory that each of them keeps resident.
    pub memory: ByteSize,
}

/// A Wasm engine and the thread that counts its epochs.
pub struct Engine {
    wasm: wasmtime::Engine,
    stopped: Arc<AtomicBool>,
}

impl Engine {
    /// An engine with so much room.
    pub fn new(room: Room, warm: Warm) -> anyhow::Result<Self> {
        let mut config = config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(room, warm)));
        let wasm = wasmtime::Engine::new(&config)
            .map_err(anyhow::Error::from)
            .context("starting the Wasm engine (each instance reserves address space: is apps.NAME.limits.instances too high?)")?;
        let stopped = Arc::new(AtomicBool::new(false));
        let ticking = (wasm.weak(), stopped.clone());
        thread::Builder::new().name("epochs".into()).spawn(move || tick(&ticking.0, &ticking.1))?;
        Ok(Self { wasm, stopped })
    }

    /// An engine that compiles for the others and runs nothing.
    pub fn compiler() -> anyhow::Result<wasmtime::Engine> {
        Ok(wasmtime::Engine::new(&config())?)
    }

    /// The engine itself.
    pub fn wasm(&self) -> &wasmtime::Engine {
        &self.wasm
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stopped.store(true, Relaxed);
    }
}

fn tick(engine: &wasmtime::EngineWeak, stopped: &AtomicBool) {
    while !stopped.load(Relaxed) {
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
        drop(engine);
        thread::sleep(TICK);
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.memory_reservation(MAX_MEMORY.as_u64());
    config
}

fn pool(Room { instances, components }: Room, warm: Warm) -> PoolingAllocationConfig {
    let modules = instances.saturating_mul(components);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_stacks(instances)
        // Beside its main module a component may have small ones that adapt calls.
        .total_core_instances(modules.saturating_mul(4))
        .max_core_instances_per_component(components.saturating_mul(8))
        .total_memories(modules)
        .max_memories_per_component(components)
        .total_tables(modules.saturating_mul(2))
        .max_tables_per_component(components.saturating_mul(4))
        .max_memory_size(usize::try_from(MAX_MEMORY.as_u64()).unwrap_or(usize::MAX))
        // What stays mapped between two uses of a slot; `pagemap_scan` (Linux 6.7) finds the
        // pages that were written, so that only those are reset.
        .max_unused_warm_slots(warm.places.saturating_mul(components))
        .linear_memory_keep_resident(usize::try_from(warm.memory.as_u64()).unwrap_or(usize::MAX))
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}
