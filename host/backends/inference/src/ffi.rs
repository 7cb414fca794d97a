//! What `llama-cpp-2` has no safe call for, made safe: the only unsafe code of this crate.

mod gguf;
mod model;
mod state;

pub(crate) use gguf::tensors;
pub(crate) use model::{Offload, load};
pub(crate) use state::{NoState, State, restore, size, state};
