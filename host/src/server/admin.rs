//! The admin listener: metrics for whoever runs the host.

use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf};

/// `[admin]`: the listener that only operators reach.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Keep it on loopback or a private network.
    pub listen: SocketAddr,
    /// The file with the bearer token; made owner-readable at the first start.
    pub token_file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 3001)), token_file: ".corral/admin-token".into() }
    }
}
