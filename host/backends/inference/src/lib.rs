//! Text generation on llama.cpp: one model, one thread that owns its context, many conversations.
//!
//! An [`Engine`] loads a GGUF model on its own thread and answers several jobs at once by
//! continuous batching. What a conversation left in the KV cache serves that conversation alone.
//!
//! Not here: what a prompt says (the components decide), WIT types and HTTP.

mod answer;
mod config;
mod engine;
mod error;
mod gauges;
mod generation;
mod input;
mod loading;
mod memory;
mod output;
mod plan;
mod queue;
mod sampling;
mod shared;
mod slots;
mod stop;
mod template;
mod text;
mod tokens;
mod worker;

pub use config::{Backend, Config, FlashAttention, KvType, Sampling};
pub use engine::Engine;
pub use error::Error;
pub use generation::Generation;
pub use input::{Constraint, Input, Message, Options, Role};
pub use output::{Event, Finish, Load, Model, Status, Template, Usage};
