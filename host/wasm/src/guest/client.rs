//! Who sent a request, as far as the host can tell clients from each other.
//!
//! Not here: whether a client may do what it asks for.

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, net::SocketAddr};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Bytes of a digest that are enough to tell clients apart.
const TOLD: usize = 16;

/// The sender of a request.
#[derive(Debug, Clone, Default)]
pub struct Client {
    credentials: Option<HeaderValue>,
    forwarded: Option<HeaderValue>,
    address: Option<SocketAddr>,
}

impl Client {
    /// From the head of its request, and where its connection comes from.
    pub fn of(headers: &HeaderMap, address: Option<SocketAddr>) -> Self {
        let header = |name: &HeaderName| headers.get(name).cloned();
        Self {
            credentials: header(&AUTHORIZATION).or_else(|| header(&API_KEY)),
            forwarded: header(&FORWARDED_FOR),
            address,
        }
    }

    /// Where its connection comes from.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Tells the holder of its credentials from others; without any, its address from others. Behind a proxy that is
    /// what the proxy says beside the proxy's own, so that nobody gets to be another by saying so. A digest, which may
    /// be kept and logged.
    pub fn key(&self) -> String {
        let mut digest = Sha256::new();
        match (&self.credentials, &self.address) {
            (Some(credentials), _) => {
                digest.update(b"credentials\0");
                digest.update(credentials.as_bytes());
            }
            (None, address) => {
                digest.update(b"address\0");
                digest.update(address.map(|address| address.ip().to_string()).unwrap_or_default());
                digest.update(b"\0");
                digest.update(self.forwarded.as_ref().map_or(&b""[..], HeaderValue::as_bytes));
            }
        }
        digest.finalize().iter().take(TOLD).fold(String::new(), |mut key, byte| {
            // Writing to a string cannot fail.
            let _ = write!(key, "{byte:02x}");
            key
        })
    }
}
