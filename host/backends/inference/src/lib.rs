//! Text generation on llama.cpp: for each model one thread that owns its context, and many conversations.
//!
//! [`Models`] are a host's, by name. An [`Engine`] loads a GGUF model on its own thread and answers several jobs at once by
//! continuous batching. What a conversation left in the cache serves that conversation alone; system
//! prompts are everyone's.
//!
//! Not here: what a prompt says (the components decide), WIT types and HTTP.

mod adapters;
mod answer;
mod cache;
mod calling;
mod config;
mod devices;
mod engine;
mod error;
mod ffi;
mod footprint;
mod gauges;
mod generation;
mod input;
mod loading;
mod memory;
mod models;
mod odds;
mod output;
mod placement;
mod plan;
mod prefixes;
mod queue;
mod remote;
mod sampling;
mod script;
mod served;
mod shared;
mod slots;
mod spill;
mod splitting;
mod stop;
mod template;
mod text;
mod tokens;
mod tools;
mod turns;
mod worker;

pub use adapters::Adapter;
pub use config::{Backend, Config, FlashAttention, KvType, Sampling};
pub use devices::{Device, Kind, Split, check_devices, devices};
pub use engine::Engine;
pub use error::Error;
pub use generation::Generation;
pub use input::{Bias, Constraint, Input, Message, Options, Owner, Role};
pub use models::{Listed, Models};
pub use output::{Candidate, Event, Finish, Load, Model, Scored, Status, Template, Usage};
pub use remote::{Remote, RemoteConfig};
pub use tools::{Choice, Dialogue, Tool, ToolCall, Turn};
