//! Applications: a gateway and the chat logic behind it, loaded, checked, composed and compiled.
//!
//! Not here: running them (`guest`), and what they may call (`imports`).

mod cache;
mod component;
mod compose;
mod config;
mod grants;
mod load;

pub use config::{Config, Grant, Grants, Limits};
pub use load::{App, inspect};

use crate::guest::Engine;
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// The applications of a host, by route.
pub struct Apps {
    /// Longest route first, so that the first match is the closest.
    apps: Vec<Arc<App>>,
}

impl Apps {
    /// Loads every application, with compiled components cached in `cache`.
    pub fn load(configs: &BTreeMap<String, Config>, engine: &Engine, cache: &Path) -> anyhow::Result<Self> {
        let cache = cache::Cache::open(cache)?;
        let mut apps = configs
            .iter()
            .map(|(name, config)| App::load(name, config, engine, &cache).map(Arc::new))
            .collect::<anyhow::Result<Vec<_>>>()?;
        apps.sort_by_key(|app| std::cmp::Reverse(app.route().len()));
        Ok(Self { apps })
    }

    /// The application that serves a path.
    pub fn route(&self, path: &str) -> Option<&Arc<App>> {
        self.apps.iter().find(|app| serves(app.route(), path))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<App>> {
        self.apps.iter()
    }
}

/// Whether `path` lies under `route`, segment by segment.
fn serves(route: &str, path: &str) -> bool {
    let route = route.trim_end_matches('/');
    path.strip_prefix(route).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
