//! What the host keeps for one instance: its limits, its WASI context, its narrow views.

use super::{
    Client, Context, Effects, Program,
    allowance::Allowance,
    outgoing::{Granted, Outgoing},
    output::Output,
};
use crate::{
    imports::{Services, SetAside},
    spin::Component,
};
use corral_telemetry::Record;
use std::{collections::BTreeMap, sync::Arc};
use tokio::time::Instant;
use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// What a guest may have open at once: requests, bodies, streams, what it waits for.
const RESOURCES: usize = 2_048;

/// Bytes of the headers of each request and answer, names included. All that a guest may have open together come to
/// 64 MiB, which is as much as one of its memories may be.
const FIELDS: usize = 32 << 10;

/// The data of a guest's store.
pub struct State {
    pub(crate) table: ResourceTable,
    pub(crate) services: Arc<Services>,
    pub(crate) config: Arc<BTreeMap<String, String>>,
    pub(crate) allowance: Allowance,
    pub(crate) client: Client,
    pub(crate) deadline: Instant,
    pub(crate) record: Arc<Record>,
    pub(crate) effects: Effects,
    /// The turn that the request replaces.
    pub(crate) set_aside: Option<SetAside>,
    /// What a Spin application's manifest grants; none, if the guest is of no such application.
    pub(crate) spin: Option<Arc<Component>>,
    /// Stores, connections and databases that are open.
    pub(crate) open: usize,
    pub(super) memory: Memory,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
}

impl State {
    pub(super) fn new(program: &Program, services: Arc<Services>, context: Context) -> Self {
        let wasi = wasi(program.spin.as_deref());
        let outgoing = outgoing(program, &services, &context);
        Self {
            table: table(),
            services,
            config: program.config.clone(),
            allowance: Allowance::of(program),
            client: context.client,
            deadline: context.deadline,
            record: context.record,
            effects: context.effects,
            set_aside: None,
            spin: program.spin.clone(),
            open: 0,
            memory: Memory::new(program.limits.memory.as_u64()),
            wasi,
            http: http(),
            outgoing,
        }
    }
}

/// A guest that never drops what it opens ends at the bound.
fn table() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(RESOURCES);
    table
}

fn http() -> WasiHttpCtx {
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(FIELDS);
    http
}

/// No files, no sockets, no environment: what a guest may use it imports from Corral, and `wasi:http` leads to hosts that
/// it was granted. A component of a Spin application
/// has those that its manifest gives it, to read.
fn wasi(spin: Option<&Component>) -> WasiCtx {
    let mut wasi = WasiCtx::builder();
    let (stdout, stderr) = Output::both();
    wasi.stdout(stdout).stderr(stderr).allow_tcp(false).allow_udp(false);
    let Some(component) = spin else { return wasi.build() };
    wasi.envs(&component.environment);
    if let Some(files) = &component.files
        && let Err(error) = wasi.preopened_dir(files.path(), "/", FsPerms::ReadOnly)
    {
        // The guest finds none, and says so where it needs them.
        tracing::error!(component = component.id, %error, "the component's files cannot be opened");
    }
    wasi.build()
}

fn outgoing(program: &Program, services: &Services, context: &Context) -> Outgoing {
    if program.hosts.is_empty() || context.effects.inward {
        return Outgoing::Denied;
    }
    Outgoing::Granted(Box::new(Granted {
        hosts: program.hosts.clone(),
        component: program.spin.clone(),
        web: services.web.clone(),
        inside: context.inside.clone(),
        request_id: context.request_id.clone(),
        caller: context.client.clone(),
        deadline: context.deadline,
        record: context.record.clone(),
        depth: context.depth,
        places: Granted::places(),
    }))
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}

/// The bound on each linear memory.
pub(super) struct Memory {
    limit: usize,
    exceeded: bool,
}

impl Memory {
    fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), exceeded: false }
    }

    /// Whether growth was refused.
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= self.limit;
        self.exceeded |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // Tables are bounded by the pool's slots.
        Ok(true)
    }
}
