//! What stock Spin offers, as traits: the rim of the adapter.
//!
//! The component implements them on Spin's imports, tests on real servers and on mocks that have Spin's quirks. Calls
//! wait: every function of the contract is synchronous.
//!
//! Not here: what is made of it (`sessions`, `vectors`, `inference`).

pub mod http;
pub mod llm;
pub mod redis;
pub mod variables;
