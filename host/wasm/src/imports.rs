//! The contract `corral:host`, served from the back ends.
//!
//! The only place that sees both WIT types and back-end types. Each import borrows a narrow view
//! of the store, translates, and leaves the work to its back end.

mod config;
mod embedding;
mod inference;
mod sessions;
pub mod spin;
mod vectors;

pub(crate) use sessions::SetAside;

use crate::guest::State;
use corral_inference::Owner;
use corral_telemetry::Calls;
use wasmtime::component::{HasSelf, Linker};

/// Bindings generated from `wit/host`.
#[expect(missing_docs, reason = "generated; the documentation is in the WIT")]
pub mod wit {
    wasmtime::component::bindgen!({
        path: ["../../wit/host"],
        world: "corral:host/imports",
        imports: { default: async | trappable },
        with: {
            "corral:host/inference.generation": super::inference::Running,
            "corral:host/inference.tool-generation": super::inference::RunningTools,
        },
        require_store_data_send: true,
    });
}

/// The back ends that the imports lead to.
pub struct Services {
    /// The label of the stores; empty for the host's own.
    pub label: String,
    /// Conversations.
    pub sessions: corral_sessions::Sessions,
    /// Passages.
    pub vectors: corral_vectors::Vectors,
    /// Texts become vectors.
    pub embedder: corral_embedding::Embedder,
    /// Text generation.
    pub models: corral_inference::Models,
    /// Other hosts, for components that may reach some.
    pub web: crate::guest::Web,
    /// Where the time of calls is counted.
    pub calls: Calls,
}

impl Services {
    /// The owner of what models keep of a session, told from sessions of other stores.
    pub fn owner(&self, session: &str) -> Owner {
        Owner::Session(format!("{}/{session}", self.label))
    }

    /// The session of these stores that is the owner, if it is one of theirs.
    pub fn session<'a>(&self, owner: &'a Owner) -> Option<&'a str> {
        match owner {
            Owner::Session(name) => name.strip_prefix(self.label.as_str())?.strip_prefix('/'),
            Owner::Client(_) => None,
        }
    }
}

/// Offers everything that a component can be granted.
///
/// What a component was not granted it cannot import: it is refused before it is linked.
pub fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wit::corral::host::types::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::corral::host::sessions::add_to_linker::<_, sessions::Sessions>(linker, sessions::view)?;
    wit::corral::host::vectors::add_to_linker::<_, vectors::Vectors>(linker, vectors::view)?;
    wit::corral::host::embedding::add_to_linker::<_, embedding::Embedding>(linker, embedding::view)?;
    wit::corral::host::inference::add_to_linker::<_, inference::Inference>(linker, inference::view)?;
    wit::corral::host::config::add_to_linker::<_, config::Settings>(linker, config::view)
}

impl wit::corral::host::types::Host for State {}

fn milliseconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
