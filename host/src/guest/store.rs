//! What the host keeps for one instance: its limits, its WASI context, its narrow views.

use super::{Client, Context, Effects, Program, allowance::Allowance, output::Output};
use crate::{imports::Services, telemetry::Record};
use std::{collections::BTreeMap, sync::Arc};
use tokio::time::Instant;
use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

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
    pub(super) memory: Memory,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: NoOutgoing,
}

impl State {
    pub(super) fn new(program: &Program, services: Arc<Services>, context: Context) -> Self {
        // No files, no sockets, no environment: what a guest may use it imports from Corral.
        let wasi = WasiCtx::builder()
            .stdout(Output { name: "stdout" })
            .stderr(Output { name: "stderr" })
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        Self {
            table: ResourceTable::new(),
            services,
            config: program.config.clone(),
            allowance: Allowance::of(program),
            client: context.client,
            deadline: context.deadline,
            record: context.record,
            effects: context.effects,
            memory: Memory::new(program.limits.memory.as_u64()),
            wasi,
            http: WasiHttpCtx::new(),
            outgoing: NoOutgoing,
        }
    }
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

/// Refuses every outgoing request. A component that imports the means is refused at load; this
/// is the second wall.
struct NoOutgoing;

type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = wasmtime_wasi_http::Result<()>> + Send>);

impl WasiHttpHooks for NoOutgoing {
    fn send_request(
        &mut self,
        _request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _done: Box<dyn Future<Output = wasmtime_wasi_http::Result<()>> + Send>,
    ) -> Box<dyn Future<Output = wasmtime_wasi_http::Result<Sent>> + Send> {
        Box::new(async { Err(wasmtime_wasi_http::Error::HttpRequestDenied) })
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
