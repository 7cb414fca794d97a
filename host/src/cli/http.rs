//! HTTP clients for the commands that talk to other machines, and the TLS of the whole process.

use reqwest::{Client, ClientBuilder};
use std::time::Duration;

/// Makes ring the process's cryptography for TLS; reqwest and redis want that before they connect.
pub fn install_tls() {
    // Only the first installation counts; a further one changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// A client for this address, to be finished by the caller.
pub fn client(url: &str) -> ClientBuilder {
    install_tls();
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
