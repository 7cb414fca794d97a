//! The settings of a host under test: the repository's runtime.toml, and what a test changes.

use crate::root;
use anyhow::{Context, Result};
use std::{fs, path::Path};
use toml::{Table, Value};

/// What hosts compile, shared by those of all tests that do not test it: most start with the same components.
const CACHE: &str = "target/e2e-cache";

/// Settings by their full names, such as `inference.queue`.
#[derive(Clone)]
pub struct Settings(Table);

impl Settings {
    /// The repository's, on free ports, with models and components by absolute path, one thread (spinning threads
    /// collapse on a busy machine), and answers that do not depend on batching (docs/inference.md).
    pub fn new() -> Result<Self> {
        let path = root().join("runtime.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let mut settings = Self(toml::from_str(&text).context("parsing runtime.toml")?);
        for key in [
            "inference.model",
            "embedding.model",
            "embedding.runtime",
            "apps.chat.gateway",
            "apps.chat.logic",
        ] {
            let path = settings.get(key).and_then(Value::as_str).map(|path| root().join(path));
            let path = path.with_context(|| format!("runtime.toml has no {key}"))?;
            anyhow::ensure!(path.exists(), "{} is missing: run `make setup components`", path.display());
            settings = settings.set(key, path.display().to_string());
        }
        Ok(settings
            .set("server.listen", "127.0.0.1:0")
            .set("admin.listen", "127.0.0.1:0")
            .set("wasm.cache", root().join(CACHE).display().to_string())
            .set("inference.threads", 1)
            .set("inference.n_ubatch", 32)
            .set("inference.flash_attention", "on")
            .set("log.format", "json"))
    }

    /// Compiles for itself, in its own folder.
    #[must_use]
    pub fn own_cache(self) -> Self {
        self.set("wasm.cache", ".corral/cache")
    }

    /// Sets one.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        let mut table = &mut self.0;
        let mut names = key.split('.').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                table.insert(name.to_owned(), value.into());
                break;
            }
            let next = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
            let Some(next) = next.as_table_mut() else { break };
            table = next;
        }
        self
    }

    /// Keeps sessions in the Redis at a loopback port.
    #[must_use]
    pub fn redis(self, port: u16) -> Self {
        self.set("sessions.backend", "redis").set("sessions.url", format!("redis://127.0.0.1:{port}/0"))
    }

    /// Keeps passages in a collection of the ChromaDB at a loopback port. Tests that share a server each name one.
    #[must_use]
    pub fn chroma(self, port: u16, collection: &str) -> Self {
        self.set("vectors.backend", "chroma")
            .set("vectors.url", format!("http://127.0.0.1:{port}"))
            .set("vectors.collection", collection)
    }

    /// Writes them to a file.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, toml::to_string(&self.0)?).with_context(|| format!("writing {}", path.display()))
    }

    /// What one says.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let mut names = key.split('.');
        let first = self.0.get(names.next()?);
        names.fold(first, |value, name| value?.get(name))
    }
}
