//! Spin's interfaces in version 3, whose functions a component may call side by side.
//!
//! Experimental, as WASI 0.3 is in wasmtime.

mod key_value;
mod redis;
mod sqlite;
mod variables;

use super::wit::spin;
use crate::guest::State;
use wasmtime::component::{HasData, Linker};

/// What these interfaces see of a guest. It is borrowed for moments, not while something is waited for.
pub(super) struct Concurrent;

impl HasData for Concurrent {
    type Data<'a> = &'a mut State;
}

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    spin::key_value::key_value::add_to_linker::<_, Concurrent>(linker, |state| state)?;
    spin::redis::redis::add_to_linker::<_, Concurrent>(linker, |state| state)?;
    spin::variables::variables::add_to_linker::<_, Concurrent>(linker, |state| state)?;
    spin::sqlite::sqlite::add_to_linker::<_, Concurrent>(linker, |state| state)
}
