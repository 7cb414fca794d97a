//! Ports for servers.

use anyhow::{Context, Result};
use std::{
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

/// Below the ports that systems give to outgoing connections: a client that tries a server which is down could
/// otherwise be given the server's own port, and hold it when the server comes back.
const PORTS: Range<u16> = 15_000..32_000;

/// A loopback port that nothing listens on now. Someone else may take it before it is used: then another one is tried.
pub(crate) fn free() -> Result<u16> {
    (0..200)
        .map(|attempt| {
            let number = RandomState::new().hash_one(attempt) % u64::from(PORTS.end - PORTS.start);
            PORTS.start + u16::try_from(number).unwrap_or_default()
        })
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free port")
}
