//! The contract's interfaces, `corral:host`.

mod config;
mod embedding;
mod inference;
mod sessions;
mod vectors;

use std::time::Duration;

/// As the contract counts time.
fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
