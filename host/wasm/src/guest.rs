//! Runs one request in a fresh instance of an application's components, within limits.
//!
//! Not here: where components come from (`apps`), what they may call (`imports`), and which
//! status a failure becomes (`respond.rs`).

pub mod allowance;
pub mod body;
pub mod busy;
pub mod client;
pub mod effects;
pub mod engine;
pub mod failure;
pub mod handler;
pub mod outgoing;
pub mod output;
mod received;
pub mod slots;
pub mod store;

pub use body::Body;
pub use client::Client;
pub use effects::Effects;
pub use engine::Engine;
pub use failure::Failure;
pub use handler::Handler;
pub use outgoing::{Inside, Web};
pub use store::State;

use crate::{hosts::Allowed, imports::Services, spin::Component};
use body::{Bounds, Guarded};
use busy::Busy;
use bytesize::ByteSize;
use corral_telemetry::Record;
use futures_util::FutureExt as _;
use handler::Head;
use http::{Request, Response};
use slots::{Slot, Slots};
use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use wasmtime::Store;

/// A compiled, linked application, ready to be instantiated.
#[derive(Clone)]
pub struct Program {
    /// The pre-linked component.
    pub handler: Handler,
    /// The application's own settings.
    pub config: Arc<BTreeMap<String, String>>,
    /// What one request may use.
    pub limits: Limits,
    /// The models that it may use, by name; none is every one.
    pub models: Arc<[String]>,
    /// The hosts that it may send requests to.
    pub hosts: Arc<[Allowed]>,
    /// What a Spin application's manifest grants it; none, if it is not of one.
    pub spin: Option<Arc<Component>>,
    /// The instances that may live at once, whichever program they are of.
    pub slots: Arc<Slots>,
    /// Ends its guests when another program has taken its place and their time to finish is over.
    pub retired: CancellationToken,
}

/// What a guest may take after its deadline to say so to its client.
///
/// What it waits for ends at the deadline; the guest itself is stopped this much later.
pub const GRACE: Duration = Duration::from_secs(1);

/// What one request may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Linear memory of each component.
    pub memory: ByteSize,
    /// Time in which the guest itself computes.
    pub cpu: Duration,
    /// Tokens that models generate for it; 0 is no bound.
    pub tokens: u32,
    /// Bytes of the answer's body.
    pub output: ByteSize,
}

/// What a request carries beside itself.
pub struct Context {
    /// Names the request in logs, on both sides.
    pub request_id: String,
    /// Who sent it.
    pub client: Client,
    /// When the answer has to be complete.
    pub deadline: Instant,
    /// What the request leaves for its log line and the metrics.
    pub record: Arc<Record>,
    /// What becomes of what it writes.
    pub effects: Effects,
    /// The application whose other components it can call.
    pub inside: Option<Arc<dyn Inside>>,
    /// How many components have called each other to come here.
    pub depth: u32,
}

/// The guest's answer: its head now, its body as the guest writes it.
///
/// The guest runs within this future until it has answered, and only then on a task of its own:
/// most are done by then, and a change of threads would cost as much as they do. Dropping the
/// body before its end stops the guest; after its end the guest may still finish what it does.
pub async fn answer(
    program: Arc<Program>,
    services: Arc<Services>,
    request: Request<body::Incoming>,
    context: Context,
) -> Result<Response<Body>, Failure> {
    let slot = program.slots.take(context.deadline).await?;
    let (deadline, output) = (context.deadline + GRACE, program.limits.output.as_u64());
    let method = request.method().clone();
    let (head, mut answered) = oneshot::channel();
    let mut running = Box::pin(caught(run(program, services, request, context, slot, head)));

    let (head, guest) = tokio::select! {
        biased;
        ended = &mut running => {
            ended?;
            (answered.try_recv().map_err(|_none| Failure::NoResponse)?, Guest::ended())
        }
        head = &mut answered => match head {
            Ok(head) => (head, Guest::running(tokio::spawn(running.in_current_span()))),
            // The sender went down with the guest, which says why.
            Err(_closed) => return running.await.and(Err(Failure::NoResponse)),
        },
    };
    let response = head.map_err(Failure::Refused)?;
    let announced = body::announced(&method, response.status(), response.headers());
    let bounds = Bounds { deadline, output, announced };
    Ok(response.map(|body| Body::new(Guarded::new(body, guest, bounds))))
}

/// A guest that still runs. Dropping it stops it.
pub struct Guest(Option<JoinHandle<Result<(), Failure>>>);

impl Guest {
    /// On a task of its own.
    #[must_use]
    pub fn running(task: JoinHandle<Result<(), Failure>>) -> Self {
        Self(Some(task))
    }

    fn ended() -> Self {
        Self(None)
    }

    /// Lets the guest run on by itself.
    fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// A panic on the host's side of an import ends its request, not the connection.
async fn caught(run: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_panic| {
        let failure = Failure::Trapped(anyhow::anyhow!("the host panicked while it served an import"));
        failure.log();
        Err(failure)
    })
}

async fn run(
    program: Arc<Program>,
    services: Arc<Services>,
    request: Request<body::Incoming>,
    context: Context,
    _slot: Slot,
    head: Head,
) -> Result<(), Failure> {
    let deadline = context.deadline + GRACE;
    let Limits { memory, cpu, .. } = program.limits;
    let busy = Busy::new(cpu);
    let state = State::new(&program, services, context);
    let mut store = Store::new(program.handler.engine(), state);
    store.limiter(|state| &mut state.memory);
    // No call takes more than the guest itself may hold.
    store.set_hostcall_fuel(usize::try_from(memory.as_u64()).unwrap_or(usize::MAX));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(busy.callback());

    let handled = busy.measure(program.handler.handle(&mut store, request, head));
    let failure = tokio::select! {
        biased;
        handled = tokio::time::timeout_at(deadline, handled) => match handled {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => Failure::of(error, store.data()),
            Err(_elapsed) => return Err(Failure::DeadlinePassed),
        },
        () = program.retired.cancelled() => Failure::Retired,
    };
    failure.log();
    Err(failure)
}
