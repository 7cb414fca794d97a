//! All settings of the host: defaults, then runtime.toml, then the environment.
//!
//! Each part owns its own `Config`; here they are gathered, layered and checked against each other.
//! Not here: what a setting does (its part says), and whether the files named exist (`corral check`).

mod checks;
mod environment;
mod error;
mod layers;
mod names;
mod stores;
#[cfg(test)]
mod tests;
mod wording;

pub use environment::{Hub, colors, everything, history_file, hub, sessions_file};
pub use error::{Error, Origin, Refusal};
pub use stores::{Place, Store, Stores};

use bytesize::ByteSize;
use corral_wasm::guest::engine::Warm;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Where the settings are looked for when nobody says where.
pub const DEFAULT_FILE: &str = "runtime.toml";

/// Every setting of the host.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The public listener.
    pub server: crate::server::Config,
    /// The operators' listener.
    pub admin: crate::server::admin::Config,
    /// Log lines.
    pub log: corral_telemetry::Config,
    /// The embedded store.
    pub store: Store,
    /// Conversations.
    pub sessions: corral_sessions::Config,
    /// Passages and their vectors.
    pub vectors: corral_vectors::Config,
    /// Further stores of both, by the label by which applications choose them.
    pub stores: BTreeMap<String, Stores>,
    /// Text to vectors.
    pub embedding: corral_embedding::Config,
    /// Text generation.
    pub inference: corral_inference::Config,
    /// Compiled components.
    pub wasm: Wasm,
    /// How components are replaced.
    pub deploy: crate::apps::Deploy,
    /// Applications that were written for Spin.
    pub spin: crate::apps::spin::Settings,
    /// The applications by name.
    pub apps: BTreeMap<String, crate::apps::Config>,
}

/// `[wasm]`: what the host keeps of compiled components.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wasm {
    /// The folder of compiled components; made at the first start, readable by its owner only.
    pub cache: PathBuf,
    /// What the folder may hold. What was used longest ago goes first.
    pub cache_limit: ByteSize,
    /// Ended instances whose places stay ready for the next ones.
    pub warm: u32,
    /// Memory that each of these places keeps resident. At most 64 MiB.
    pub warm_memory: ByteSize,
}

impl Wasm {
    /// What stays ready of instances that have ended.
    pub fn warm(&self) -> Warm {
        Warm { places: self.warm, memory: self.warm_memory }
    }
}

impl Config {
    /// The settings of `file` and of this process's environment, checked.
    ///
    /// # Errors
    /// When the file is missing or malformed, or a setting is unknown, of the wrong type or senseless.
    pub fn load(file: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(file).map_err(|source| Error::reading(file, source))?;
        Self::parse(file, &text, environment::variables())
    }

    /// As [`Config::load`], for a Spin application: the settings need no application of their own, and where `file` is
    /// only where settings are looked for when nobody says where, it need not be there.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_beside_spin(file: &Path) -> Result<Self, Error> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(source) if source.kind() == ErrorKind::NotFound && file == Path::new(DEFAULT_FILE) => {
                String::new()
            }
            Err(source) => return Err(Error::reading(file, source)),
        };
        Self::read(file, &text, environment::variables(), |_| None)
    }

    /// The settings of a file's `text` and of the given environment variables, checked.
    ///
    /// # Errors
    /// As [`Config::load`], less the reading.
    pub fn parse(
        file: &Path,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        Self::read(file, text, environment, checks::no_application)
    }

    fn read(
        file: &Path,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
        missing: impl Fn(&Self) -> Option<checks::Problem>,
    ) -> Result<Self, Error> {
        let layers = layers::Layers::new(file, text, environment)?;
        let mut config = layers.extract()?;
        let problems: Vec<_> = checks::problems(&config).into_iter().chain(missing(&config)).collect();
        if !problems.is_empty() {
            return Err(layers.refuse(problems));
        }
        config.resolve_paths(file.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Relative paths are meant from the folder that runtime.toml is in.
    fn resolve_paths(&mut self, folder: &Path) {
        let own = [
            &mut self.admin.token_file,
            &mut self.store.path,
            &mut self.embedding.model,
            &mut self.embedding.runtime,
            &mut self.inference.model,
            &mut self.wasm.cache,
            &mut self.deploy.folder,
        ];
        let secrets = [
            &mut self.inference.spill_folder,
            &mut self.inference.chat_template,
            &mut self.sessions.redis.password_file,
            &mut self.sessions.redis.ca_file,
            &mut self.vectors.chroma.token_file,
            &mut self.vectors.chroma.ca_file,
            &mut self.inference.remote.key_file,
            &mut self.inference.remote.ca_file,
        ];
        let adapters = self.inference.adapters.values_mut().map(|adapter| &mut adapter.path);
        let further = self.inference.models.values_mut().flat_map(|model| {
            let adapters = model.adapters.values_mut().map(|adapter| &mut adapter.path);
            [&mut model.model]
                .into_iter()
                .chain(&mut model.spill_folder)
                .chain(&mut model.chat_template)
                .chain(&mut model.remote.key_file)
                .chain(&mut model.remote.ca_file)
                .chain(adapters)
        });
        let labelled = self.stores.values_mut().flat_map(Stores::files);
        let components =
            self.apps.values_mut().flat_map(|app| [&mut app.gateway].into_iter().chain(&mut app.logic));
        for path in own
            .into_iter()
            .chain(secrets.into_iter().flatten())
            .chain(labelled)
            .chain(components)
            .chain(adapters)
            .chain(further)
        {
            *path = folder.join(&*path);
        }
        let texts = self.apps.values_mut().flat_map(|app| app.config.values_mut());
        for file in texts.filter_map(|value| value.as_table_mut()?.get_mut("file")) {
            if let Some(path) = file.as_str() {
                *file = folder.join(path).display().to_string().into();
            }
        }
    }
}

impl Default for Wasm {
    fn default() -> Self {
        Self {
            cache: ".corral/cache".into(),
            cache_limit: ByteSize::gib(1),
            warm: 100,
            warm_memory: ByteSize::mib(4),
        }
    }
}
