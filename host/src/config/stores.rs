//! Where conversations and passages are kept: the host's own stores, and those with a label.
//!
//! Not here: what a store's settings mean (its back end says).

use super::Config;
use serde::Deserialize;
use std::path::PathBuf;

/// `[store]`: the file that both embedded back ends share.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The database file; made at the first start.
    pub path: PathBuf,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: ".corral/corral.db".into() }
    }
}

/// `[stores.LABEL]`: conversations and passages apart from all others.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stores {
    /// The database file of the embedded back ends; `LABEL.db` beside `store.path` if there is none.
    pub path: Option<PathBuf>,
    /// Conversations.
    pub sessions: corral_sessions::Config,
    /// Passages and their vectors.
    pub vectors: corral_vectors::Config,
}

/// The stores of one label.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// None for the host's own.
    pub label: Option<&'a str>,
    /// The database file of the embedded back ends.
    pub file: PathBuf,
    /// Conversations.
    pub sessions: &'a corral_sessions::Config,
    /// Passages and their vectors.
    pub vectors: &'a corral_vectors::Config,
}

impl Config {
    /// All stores, the host's own first.
    pub fn places(&self) -> Vec<Place<'_>> {
        let own = Place {
            label: None,
            file: self.store.path.clone(),
            sessions: &self.sessions,
            vectors: &self.vectors,
        };
        let labelled = self.stores.iter().map(|(label, Stores { path, sessions, vectors })| {
            let beside = || self.store.path.with_file_name(format!("{label}.db"));
            Place { label: Some(label), file: path.clone().unwrap_or_else(beside), sessions, vectors }
        });
        [own].into_iter().chain(labelled).collect()
    }
}

impl Place<'_> {
    /// Where a table of these stores is in the settings, such as `sessions` and `stores.LABEL.sessions`.
    pub fn table(&self, name: &str) -> String {
        self.label.map_or_else(|| name.to_owned(), |label| format!("stores.{label}.{name}"))
    }

    /// The store that both have, if they are not apart: its table.
    pub(super) fn shared_with(&self, other: &Place<'_>) -> Option<&'static str> {
        let sessions = match (self.sessions.backend, other.sessions.backend) {
            (corral_sessions::Backend::Embedded, corral_sessions::Backend::Embedded) => {
                self.file == other.file
            }
            (corral_sessions::Backend::Redis, corral_sessions::Backend::Redis) => {
                // An id may have a colon in it, so that a longer prefix could be reached from a shorter one.
                let (one, two) = (&self.sessions.redis.prefix, &other.sessions.redis.prefix);
                self.sessions.url == other.sessions.url
                    && (one.starts_with(two.as_str()) || two.starts_with(one.as_str()))
            }
            _ => false,
        };
        let vectors = match (self.vectors.backend, other.vectors.backend) {
            (corral_vectors::Backend::Embedded, corral_vectors::Backend::Embedded) => self.file == other.file,
            (corral_vectors::Backend::Chroma, corral_vectors::Backend::Chroma) => {
                let place = |config: &corral_vectors::Config| {
                    let corral_vectors::Chroma { tenant, database, .. } = config.chroma.clone();
                    (config.url.clone(), tenant, database, config.collection.clone())
                };
                place(self.vectors) == place(other.vectors)
            }
            _ => false,
        };
        sessions.then_some("sessions").or(vectors.then_some("vectors"))
    }
}

impl Stores {
    /// The files that the settings name.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [
            &mut self.path,
            &mut self.sessions.redis.password_file,
            &mut self.sessions.redis.ca_file,
            &mut self.vectors.chroma.token_file,
            &mut self.vectors.chroma.ca_file,
        ]
        .into_iter()
        .flatten()
    }
}
