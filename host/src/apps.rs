//! Applications: a gateway and the chat logic behind it, loaded, checked, composed and compiled, and replaced while they
//! serve.
//!
//! Not here: running them (`guest`), and what they may call (`imports`).

mod app;
mod cache;
pub mod compile;
mod component;
mod compose;
mod config;
pub mod deploy;
mod generation;
mod grants;
mod load;
mod probe;
mod refusal;
mod shelf;
mod signature;
pub mod watch;
mod workshop;

pub use app::App;
pub use component::MAX_SIZE;
pub use config::{Config, Deploy, Grant, Grants, Limits};
pub use deploy::Deployer;
pub use generation::{Generation, Part, Serving};
pub use load::inspect;
pub use refusal::Refusal;

use crate::guest::Engine;
use compile::Outside;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use workshop::Workshop;

/// The applications of a host, by route.
pub struct Apps {
    /// Longest route first, so that the first match is the closest.
    apps: Vec<Arc<App>>,
    workshop: Arc<Workshop>,
}

impl Apps {
    /// Loads every application, with compiled components cached in `cache`.
    pub fn load(
        configs: &BTreeMap<String, Config>,
        deploy: &Deploy,
        engine: &Engine,
        cache: &Path,
    ) -> anyhow::Result<Self> {
        let outside =
            Outside { cache: cache.to_owned(), memory: deploy.compile_memory, time: deploy.compile_timeout };
        let workshop = Arc::new(Workshop::new(engine, cache::Cache::open(cache)?, outside)?);
        let mut apps = configs
            .iter()
            .map(|(name, config)| load::load(name, config, &workshop, &deploy.folder, deploy.keep))
            .collect::<anyhow::Result<Vec<_>>>()?;
        apps.sort_by_key(|app| std::cmp::Reverse(app.route().len()));
        Ok(Self { apps, workshop })
    }

    /// The application that serves a path.
    pub fn route(&self, path: &str) -> Option<&Arc<App>> {
        self.apps.iter().find(|app| serves(app.route(), path))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<App>> {
        self.apps.iter()
    }

    fn workshop(&self) -> &Arc<Workshop> {
        &self.workshop
    }
}

/// Whether `path` lies under `route`, segment by segment.
fn serves(route: &str, path: &str) -> bool {
    let route = route.trim_end_matches('/');
    path.strip_prefix(route).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// SHA-256 in hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    cache::hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::serves;

    #[test]
    fn a_route_matches_whole_segments() {
        assert!(serves("/", "/api/v1"));
        assert!(serves("/api", "/api"));
        assert!(serves("/api/", "/api/v1"));
        assert!(!serves("/api", "/apis"));
    }
}
