//! Spin's interfaces, served from the same back ends: what the manifest grants, and nothing else.
//!
//! Each answers as Spin documents it. Here and there Spin's own host does otherwise (its local models repeat the prompt
//! in their text); that is not copied.
//!
//! Not here: outgoing requests (`guest/outgoing.rs`).

mod concurrent;
mod key_value;
mod llm;
mod redis;
mod sqlite;
mod variables;
mod wasi_config;
mod wasi_key_value;

use crate::{guest::State, spin::Component};
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

/// Bindings generated from `host/wasm/wit`.
#[expect(missing_docs, reason = "generated; the documentation is in the WIT")]
pub mod wit {
    wasmtime::component::bindgen!({
        path: ["wit"],
        world: "corral:spin/imports",
        imports: { default: async | trappable },
        with: {
            "fermyon:spin/key-value.store": corral_spin::key_value::Store,
            "fermyon:spin/redis.connection": super::redis::Open,
            "fermyon:spin/sqlite.connection": super::sqlite::Open,
            "spin:key-value/key-value.store": corral_spin::key_value::Store,
            "spin:redis/redis.connection": super::redis::Open,
            "spin:sqlite/sqlite.connection": super::sqlite::Open,
            "wasi:keyvalue/store.bucket": corral_spin::key_value::Store,
            "wasi:keyvalue/atomics.cas": super::wasi_key_value::Swap,
        },
        require_store_data_send: true,
    });
}

/// How many stores, connections or databases one instance may have open.
const OPEN: usize = 256;

/// Offers everything that a manifest can grant.
pub fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wit::fermyon::spin::llm::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::fermyon::spin::key_value::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::fermyon::spin::redis::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::fermyon::spin::variables::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::fermyon::spin::sqlite::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::wasi::keyvalue::store::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::wasi::keyvalue::batch::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::wasi::keyvalue::atomics::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::wasi::config::store::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    concurrent::link(linker)
}

impl State {
    /// The component that runs. Only components of Spin applications are linked with what asks for it.
    fn component(&self) -> wasmtime::Result<Arc<Component>> {
        self.spin.clone().ok_or_else(|| wasmtime::Error::msg("this is no component of a Spin application"))
    }

    /// Whether the instance may open one more of something.
    fn opened(&mut self) -> bool {
        self.open += 1;
        self.open <= OPEN
    }

    fn closed(&mut self) {
        self.open = self.open.saturating_sub(1);
    }
}
