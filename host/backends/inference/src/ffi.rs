//! What `llama-cpp-2` has no safe call for, made safe as far as it can be.

mod gguf;
mod model;
mod state;

pub(crate) use gguf::tensors;
pub(crate) use model::{Offload, load};
pub(crate) use state::{NoState, State, restore, size, state};
