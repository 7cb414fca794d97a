//! The public listener: connections, limits, time-outs, and the hand-over to an application.

pub mod admin;

use bytesize::ByteSize;
use serde::Deserialize;
use std::{net::SocketAddr, time::Duration};

/// `[server]`: the public listener and its limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one, which the `ready` line names.
    pub listen: SocketAddr,
    /// Open connections; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// The largest request body.
    pub max_body: ByteSize,
    /// All request headers together.
    pub max_headers: ByteSize,
    /// Time for a client to send its headers.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Time for a client to send its body.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Time for a whole request, the answer included.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// Time that answers under way have to finish at shutdown.
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            max_connections: 1024,
            max_body: ByteSize::mib(4),
            max_headers: ByteSize::kib(32),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(300),
            drain_timeout: Duration::from_secs(30),
        }
    }
}
