//! What stands for Spin in tests: mocks that have its quirks, and real servers reached as it reaches them.
//!
//! For tests alone, so it may panic.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "whoever calls this is a test")]

pub mod http;
pub mod llm;
pub mod network;
pub mod redis;
