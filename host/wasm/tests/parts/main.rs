//! What can be tried of guests and of Spin's manifests without a host.
//!
//! Not in the library's own modules: to compile its few hundred host functions once more takes longer than all else that
//! is tested here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod allowance;
mod body;
mod client;
mod dependencies;
mod engine;
mod hosts;
mod outgoing;
mod output;
mod routes;
mod stores;
mod template;
mod variables;
