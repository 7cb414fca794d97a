//! The runtime configuration of Spin (`runtime-config.toml`): where stores are, and who gives variables their values.
//!
//! <https://spinframework.dev/v3/dynamic-configuration>
//!
//! A key that Spin has and this host has not is refused by name: what it asks for would be missing in silence.

use super::manifest::{Problems, Text};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What Spin has, and what an application that needs it can do here.
const ELSEWHERE: [(&str, &str); 10] = [
    ("llm_compute", "models are set in runtime.toml, in [inference]"),
    ("log_dir", "components' output goes to the host's log; set [log] in runtime.toml"),
    ("max_instance_memory", "a component's memory is set in runtime.toml, in [spin.limits]"),
    ("client_tls", "certificates of one's own are not served; put a proxy in between"),
    ("outbound_http", "bounds on outgoing requests are not served; remove it"),
    ("outbound_networking", "blocked networks are not served; allow hosts by allowed_outbound_hosts"),
    ("outbound_redis", "bounds on connections are not served; remove it"),
    ("outbound_pg", "postgres is not served"),
    ("outbound_mysql", "mysql is not served"),
    ("outbound_mqtt", "mqtt is not served"),
];

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeConfig {
    /// Where what the application stores is kept.
    pub state_dir: Option<PathBuf>,
    /// Who gives variables their values, the first one first.
    #[serde(alias = "config_provider", rename = "variables_provider")]
    pub providers: Vec<Provider>,
    /// Key-value stores by label.
    #[serde(rename = "key_value_store")]
    pub key_value: BTreeMap<String, KeyValue>,
    /// SQLite databases by label.
    #[serde(rename = "sqlite_database")]
    pub sqlite: BTreeMap<String, Sqlite>,
}

/// `[[variables_provider]]`
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
pub enum Provider {
    /// Values in the file.
    Static {
        /// By name.
        values: BTreeMap<String, String>,
    },
    /// The environment.
    Env {
        /// In front of the names; `SPIN_VARIABLE`, if it is not said.
        #[serde(default)]
        prefix: Option<String>,
        /// A file of them.
        #[serde(default)]
        dotenv_path: Option<PathBuf>,
    },
}

// Values may be secret.
impl std::fmt::Debug for Provider {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Provider")
    }
}

/// `[key_value_store.LABEL]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
pub enum KeyValue {
    /// A SQLite file.
    Spin {
        /// From the runtime configuration's folder.
        path: PathBuf,
    },
    /// A Redis server.
    Redis {
        /// Its address.
        url: String,
    },
}

/// `[sqlite_database.LABEL]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
pub enum Sqlite {
    /// A SQLite file.
    Spin {
        /// From the runtime configuration's folder.
        path: PathBuf,
    },
}

impl RuntimeConfig {
    /// What the file says; what Spin does without one, if there is none. Paths are whole afterwards.
    ///
    /// # Errors
    /// What is no TOML, unknown, or not served.
    pub fn read(file: Option<&Path>) -> Result<Self, Problems> {
        let Some(file) = file else { return Ok(Self::default()) };
        let text = fs::read_to_string(file).map_err(|error| Problems::one(file, "", error.to_string()))?;
        let text = Text { file, text: &text };
        not_served(file, &text.parse()?)?;
        let mut config: Self = text.parse()?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let stores = config.key_value.values_mut().filter_map(|store| match store {
            KeyValue::Spin { path } => Some(path),
            KeyValue::Redis { .. } => None,
        });
        let databases = config.sqlite.values_mut().map(|Sqlite::Spin { path }| path);
        for path in stores.chain(databases).chain(&mut config.state_dir) {
            *path = folder.join(&path);
        }
        Ok(config)
    }
}

/// Names what Spin has and this host has not, so that nobody takes it for a mistake in spelling.
fn not_served(file: &Path, table: &toml::Table) -> Result<(), Problems> {
    let mut problems = Problems::of(file);
    for (key, why) in ELSEWHERE.iter().filter(|(key, _)| table.contains_key(*key)) {
        problems.add(*key, format!("this host does not serve it: {why}"));
    }
    let kind = |table: &toml::Value| table.get("type").and_then(toml::Value::as_str).map(str::to_owned);
    for (section, served) in [("key_value_store", &["spin", "redis"][..]), ("sqlite_database", &["spin"])] {
        let stores = table.get(section).and_then(toml::Value::as_table).into_iter().flatten();
        for (label, store) in stores {
            if let Some(kind) = kind(store).filter(|kind| !served.contains(&kind.as_str())) {
                problems.add(
                    format!("{section}.{label}.type"),
                    format!("\"{kind}\" is not served: write one of {}", served.join(", ")),
                );
            }
        }
    }
    for section in ["variables_provider", "config_provider"] {
        let providers = table.get(section).and_then(toml::Value::as_array).into_iter().flatten();
        for (place, provider) in providers.enumerate() {
            if let Some(kind) = kind(provider).filter(|kind| !["static", "env"].contains(&kind.as_str())) {
                problems.add(
                    format!("{section}[{place}].type"),
                    format!("\"{kind}\" is not served: write one of static, env"),
                );
            }
        }
    }
    problems.none()
}
