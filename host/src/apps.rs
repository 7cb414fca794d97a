//! Applications: a gateway and the chat logic behind it, loaded, checked, composed and compiled, and replaced while they
//! serve.
//!
//! Not here: running them (`guest`), and what they may call (`imports`).

mod app;
mod backing;
mod cache;
pub mod canary;
pub mod compile;
mod component;
mod compose;
mod config;
pub mod deploy;
mod generation;
mod grants;
pub mod guard;
mod laps;
mod load;
mod probe;
mod refusal;
mod route;
mod settings;
pub mod shadow;
mod shelf;
pub mod signature;
pub mod spin;
pub mod watch;
mod workshop;

pub use app::App;
pub use backing::{Backing, OWN};
pub use canary::Canary;
pub use component::MAX_SIZE;
pub use config::{Config, Deploy, Grant, Grants, Limits};
pub use deploy::Deployer;
pub use generation::{Generation, Part, Serving};
pub use load::inspect;
pub use refusal::{Refusal, Stage};
pub use route::Route;
pub use shelf::{PLAIN_NAME, is_plain};

use bytesize::ByteSize;
use compile::Outside;
use corral_wasm::guest::Engine;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use workshop::Workshop;

/// The applications of a host, by route.
pub struct Apps {
    /// The closest route first, so that the first match is the closest.
    apps: Vec<Arc<App>>,
    workshop: Arc<Workshop>,
}

impl Apps {
    /// Loads every application, with compiled components cached in a folder, within so many bytes.
    pub fn load(
        configs: &BTreeMap<String, Config>,
        deploy: &Deploy,
        engine: &Engine,
        (cache, limit): (&Path, ByteSize),
    ) -> anyhow::Result<Self> {
        let outside =
            Outside { cache: cache.to_owned(), memory: deploy.compile_memory, time: deploy.compile_timeout };
        let workshop = Arc::new(Workshop::new(engine, cache::Cache::open(cache, limit.as_u64())?, outside)?);
        let mut apps = configs
            .iter()
            .map(|(name, config)| load::load(name, config, &workshop, deploy))
            .collect::<anyhow::Result<Vec<_>>>()?;
        apps.sort_by_key(|app| std::cmp::Reverse(app.route().closeness()));
        Ok(Self { apps, workshop })
    }

    /// The application that serves a path of a host name.
    pub fn find(&self, host: Option<&str>, path: &str) -> Option<&Arc<App>> {
        self.apps.iter().find(|app| app.route().serves(host, path))
    }

    /// The application of a name.
    pub fn named(&self, name: &str) -> Option<&Arc<App>> {
        self.apps.iter().find(|app| app.name() == name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<App>> {
        self.apps.iter()
    }

    fn workshop(&self) -> &Arc<Workshop> {
        &self.workshop
    }
}

/// SHA-256 in hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    cache::hex(&Sha256::digest(bytes))
}
