//! Where an application's key-value stores and SQLite databases are, by their labels.

use super::{
    manifest::{Component, Problems},
    runtime_config::{KeyValue, RuntimeConfig, Sqlite},
};
use corral_spin::{key_value::Place, sqlite::Database};
use std::{collections::BTreeMap, path::Path};

/// The label that needs no runtime configuration.
const DEFAULT: &str = "default";

/// Where stores and databases are, by label.
pub(super) struct Stores {
    pub key_value: BTreeMap<String, Place>,
    pub sqlite: BTreeMap<String, Database>,
}

impl Stores {
    /// Those that components may open, be they in a table of their own or in a trigger's.
    pub fn open(
        runtime: &RuntimeConfig,
        state: &Path,
        components: &BTreeMap<String, Component>,
        file: &Path,
    ) -> anyhow::Result<Self> {
        let mut problems = Problems::of(file);
        let (mut key_value, mut sqlite) = (BTreeMap::new(), BTreeMap::new());
        for (id, component) in components {
            for (place, label) in component.key_value_stores.iter().enumerate() {
                let key = format!("component.{id}.key_value_stores[{place}]");
                if key_value.contains_key(label) {
                    continue;
                }
                let opened = match runtime.key_value.get(label) {
                    Some(KeyValue::Spin { path }) => Place::file(path),
                    Some(KeyValue::Redis { url }) => Place::redis(url),
                    None if label == DEFAULT => Place::file(&state.join("sqlite_key_value.db")),
                    None => {
                        problems.add(key, nowhere(label, "key_value_store"));
                        continue;
                    }
                };
                if let Some(place) = problems.take(key, opened) {
                    key_value.insert(label.clone(), place);
                }
            }
            for (place, label) in component.sqlite_databases.iter().enumerate() {
                let path = match runtime.sqlite.get(label) {
                    Some(Sqlite::Spin { path }) => path.clone(),
                    None if label == DEFAULT => state.join("sqlite_db.db"),
                    None => {
                        let key = format!("component.{id}.sqlite_databases[{place}]");
                        problems.add(key, nowhere(label, "sqlite_database"));
                        continue;
                    }
                };
                sqlite.entry(label.clone()).or_insert_with(|| Database::new(&path));
            }
        }
        problems.none()?;
        Ok(Self { key_value, sqlite })
    }

    /// Those of a component's labels.
    pub fn labelled<T: Clone>(places: &BTreeMap<String, T>, labels: &[String]) -> BTreeMap<String, T> {
        labels.iter().filter_map(|label| Some((label.clone(), places.get(label)?.clone()))).collect()
    }
}

fn nowhere(label: &str, section: &str) -> String {
    format!("nobody says where \"{label}\" is: add [{section}.{label}] to the file of --runtime-config-file")
}
