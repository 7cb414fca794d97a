//! HTTP clients for the commands that talk to other machines.

use reqwest::{Client, ClientBuilder};
use std::time::Duration;

/// A client for this address, to be finished by the caller.
///
/// The host's TLS is rustls on ring; reqwest wants it installed in the process before a client is made.
pub fn client(url: &str) -> ClientBuilder {
    // Only the first installation counts; a further one changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = Client::builder()
        .user_agent(concat!("corral/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10));
    if url.starts_with("https:") {
        client
    } else {
        // Without TLS no certificates: a small container may have none, and building would fail.
        client.tls_certs_only([])
    }
}
