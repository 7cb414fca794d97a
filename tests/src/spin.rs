//! A Spin application under test: the repository's `tests/spin/spin.toml`, and what a test changes.

use crate::root;
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path};
use toml::{Table, Value};

/// What is beside the manifest, by the paths that it has there.
const ASSETS: [&str; 3] = ["assets/pattern.txt", "assets/excluded.txt", "assets/notes/hello.txt"];

/// A manifest, a runtime configuration, and how the host is told of both.
#[derive(Clone)]
pub struct Spin {
    manifest: Table,
    runtime: Table,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    dotenv: Option<String>,
}

impl Spin {
    /// The repository's, with components by absolute path.
    pub fn new() -> Result<Self> {
        let mut manifest = read("tests/spin/spin.toml")?;
        let components = manifest.get_mut("component").and_then(Value::as_table_mut).context("components")?;
        for (id, component) in components {
            let source = component.get("source").and_then(Value::as_str).context("a source")?;
            let path = root().join(source.trim_start_matches("../"));
            ensure!(path.exists(), "{id}: {} is missing: run `make spin-fixtures`", path.display());
            let component = component.as_table_mut().context("a table")?;
            component.insert("source".to_owned(), path.display().to_string().into());
        }
        let runtime = read("tests/spin/runtime-config.toml")?;
        Ok(Self { manifest, runtime, arguments: Vec::new(), environment: Vec::new(), dotenv: None })
    }

    /// The chat application for stock Spin, as the repository's own manifest has it, with its files by absolute path.
    pub fn chat() -> Result<Self> {
        let mut manifest = read("spin.toml")?;
        let chat = manifest.get_mut("component").and_then(|components| components.get_mut("chat"));
        let chat = chat.and_then(Value::as_table_mut).context("the component chat")?;
        absolute(chat.get_mut("source"))?;
        let dependencies =
            chat.get_mut("dependencies").and_then(Value::as_table_mut).context("dependencies")?;
        for (_, dependency) in dependencies {
            absolute(dependency.get_mut("path"))?;
        }
        Ok(Self {
            manifest,
            runtime: Table::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            dotenv: None,
        })
    }

    /// With these components alone, and what leads to them: the fewer, the sooner the host serves.
    #[must_use]
    pub fn only(mut self, ids: &[&str]) -> Self {
        if let Some(components) = self.manifest.get_mut("component").and_then(Value::as_table_mut) {
            components.retain(|id, _| ids.contains(&id));
        }
        let triggers = self.manifest.get_mut("trigger").and_then(Value::as_table_mut);
        for trigger in triggers.into_iter().flat_map(|triggers| triggers.iter_mut().map(|(_, kind)| kind)) {
            let Some(trigger) = trigger.as_array_mut() else { continue };
            trigger.retain(|trigger| {
                let component = trigger.get("component").and_then(Value::as_str);
                component.is_none_or(|id| ids.contains(&id))
            });
        }
        self
    }

    /// Sets a key of the manifest, such as `component.kitchen.environment`.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        insert(&mut self.manifest, key, value.into());
        self
    }

    /// Sets a key of the runtime configuration.
    #[must_use]
    pub fn runtime(mut self, key: &str, value: impl Into<Value>) -> Self {
        insert(&mut self.runtime, key, value.into());
        self
    }

    /// Leaves out a section of the runtime configuration.
    #[must_use]
    pub fn without_runtime(mut self, key: &str) -> Self {
        self.runtime.remove(key);
        self
    }

    /// Gives a variable its value on the command line.
    #[must_use]
    pub fn variable(self, name: &str, value: &str) -> Self {
        self.argument("--variable").argument(&format!("{name}={value}"))
    }

    /// Adds to the command line.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets a variable of the host's environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a `.env` beside the manifest.
    #[must_use]
    pub fn dotenv(mut self, text: &str) -> Self {
        self.dotenv = Some(text.to_owned());
        self
    }

    /// Writes it all to a folder, and gives what `corral serve` is told.
    pub fn write(&self, folder: &Path) -> Result<Vec<String>> {
        fs::write(folder.join("spin.toml"), toml::to_string(&self.manifest)?)?;
        fs::write(folder.join("runtime-config.toml"), toml::to_string(&self.runtime)?)?;
        if let Some(text) = &self.dotenv {
            fs::write(folder.join(".env"), text)?;
        }
        for asset in ASSETS {
            let to = folder.join(asset);
            fs::create_dir_all(to.parent().context("a folder")?)?;
            fs::copy(root().join("tests/spin").join(asset), &to).with_context(|| asset.to_owned())?;
        }
        let manifest = folder.join("spin.toml").display().to_string();
        let told =
            ["--spin", &manifest, "--runtime-config-file", "runtime-config.toml", "--state-dir", "state"];
        Ok(told.map(str::to_owned).into_iter().chain(self.arguments.clone()).collect())
    }

    pub(crate) fn environment_of_host(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Names a file of the repository's wherever the manifest is.
fn absolute(path: Option<&mut Value>) -> Result<()> {
    let path = path.context("a path")?;
    let file = root().join(path.as_str().context("a text")?);
    ensure!(file.exists(), "{} is missing: run `make spin-app`", file.display());
    *path = file.display().to_string().into();
    Ok(())
}

fn read(path: &str) -> Result<Table> {
    let path = root().join(path);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((name, rest)) => {
            let next = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
            if let Some(next) = next.as_table_mut() {
                insert(next, rest, value);
            }
        }
    }
}
