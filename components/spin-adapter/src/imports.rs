//! Spin's imports, as the traits that the other crates ask for.

pub mod http;
pub mod llm;
pub mod redis;
pub mod variables;
