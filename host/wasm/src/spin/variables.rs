//! The variables' values: from the command line, the runtime configuration's providers, the environment, `.env`, or
//! their defaults, in this order.

use super::{
    environment::Environment,
    manifest::{Manifest, Problems},
    runtime_config::Provider,
    template::Template,
};
use anyhow::Context as _;
use std::{collections::BTreeMap, path::Path};

/// The prefix of environment variables that hold values.
const PREFIX: &str = "SPIN_VARIABLE";

/// Values by name. They may be secret, so they are not shown.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

/// Where values come from.
pub struct Sources<'a> {
    /// The command line's.
    pub given: &'a BTreeMap<String, String>,
    /// The runtime configuration's.
    pub providers: &'a [Provider],
    /// This process's environment.
    pub environment: &'a Environment,
    /// Where `.env` is looked for.
    pub folder: &'a Path,
}

impl Variables {
    /// A value for each variable of the manifest.
    ///
    /// # Errors
    /// Required ones that nobody gives a value, and files that cannot be read.
    pub fn resolve(file: &Path, manifest: &Manifest, sources: &Sources<'_>) -> anyhow::Result<Self> {
        let mut problems = Problems::of(file);
        for name in sources.given.keys().filter(|name| !manifest.variables.contains_key(*name)) {
            problems.add(
                format!("variables.{name}"),
                "is given on the command line, but not in the manifest: add it there",
            );
        }
        let mut values = BTreeMap::new();
        for (name, variable) in &manifest.variables {
            match sources.value(name)?.or_else(|| variable.default.clone()) {
                Some(value) => {
                    values.insert(name.clone(), value);
                }
                None => problems.add(
                    format!("variables.{name}"),
                    format!(
                        "is required and has no value: set {PREFIX}_{} in the environment or in .env, or give \
                         --variable {name}=VALUE",
                        name.to_ascii_uppercase()
                    ),
                ),
            }
        }
        problems.none()?;
        Ok(Self(values))
    }

    /// A text with the values in it.
    ///
    /// # Errors
    /// A text that is no template, or names what is not there; the manifest's checks find both before.
    pub fn fill(&self, text: &str) -> anyhow::Result<String> {
        let template = Template::parse(text).map_err(anyhow::Error::msg)?;
        template
            .filled(|name| self.0.get(name).map(String::as_str))
            .map_err(|name| anyhow::anyhow!("the variable \"{name}\" has no value"))
    }
}

impl Sources<'_> {
    fn value(&self, name: &str) -> anyhow::Result<Option<String>> {
        if let Some(value) = self.given.get(name) {
            return Ok(Some(value.clone()));
        }
        for provider in self.providers {
            let found = match provider {
                Provider::Static { values } => values.get(name).cloned(),
                Provider::Env { prefix, dotenv_path } => {
                    let file = dotenv_path.as_deref().map(|path| self.folder.join(path));
                    self.in_environment(prefix.as_deref().unwrap_or(PREFIX), name, file.as_deref())?
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        self.in_environment(PREFIX, name, Some(&self.folder.join(".env")))
    }

    fn in_environment(
        &self,
        prefix: &str,
        name: &str,
        file: Option<&Path>,
    ) -> anyhow::Result<Option<String>> {
        let wanted = format!("{prefix}_{}", name.to_ascii_uppercase());
        if let Some(value) = self.environment.get(&wanted) {
            return Ok(Some(value.to_owned()));
        }
        let Some(file) = file.filter(|file| file.exists()) else { return Ok(None) };
        let named = || format!("reading {}", file.display());
        for entry in dotenvy::from_path_iter(file).with_context(named)? {
            let (name, value) = entry.with_context(named)?;
            if name == wanted {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// Whether a variable can be called so.
///
/// # Errors
/// How names are made.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let word = |word: &str| {
        !word.is_empty()
            && word.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit())
    };
    if name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('_').all(word) {
        return Ok(());
    }
    Err(
        "a variable's name is made of lower-case letters and digits, starts with a letter, and has single \"_\" between words",
    )
}
