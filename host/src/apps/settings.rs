//! The components' own settings, `[apps.NAME.config]`, as text: as they are written, or from where they are kept secret.
//!
//! `{ file = "…" }` is a file's text without white space around it, `{ env = "…" }` an environment variable's. They are
//! read when a generation is made; neither is ever logged.

use anyhow::{Context, bail};
use std::{collections::BTreeMap, fs};
use toml::Value;

/// Every setting's text.
pub(super) fn read(config: &BTreeMap<String, Value>) -> anyhow::Result<BTreeMap<String, String>> {
    let texts = config.iter().map(|(key, value)| {
        let text = text(value).with_context(|| format!("config key {key}"))?;
        Ok((key.clone(), text))
    });
    texts.collect()
}

#[expect(clippy::disallowed_methods, reason = "the variable is one that the settings name")]
fn text(value: &Value) -> anyhow::Result<String> {
    let Value::Table(table) = value else {
        return Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    };
    let mut entries = table.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    match (entries.next(), entries.next()) {
        (Some(("file", Some(path))), None) => {
            let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
            Ok(text.trim().to_owned())
        }
        (Some(("env", Some(name))), None) => {
            std::env::var(name).with_context(|| format!("environment variable {name}"))
        }
        _ => bail!("expected a value, {{ file = \"PATH\" }} or {{ env = \"NAME\" }}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(toml: &str) -> Result<String, String> {
        let config = toml.parse::<toml::Table>().unwrap().into_iter().collect();
        read(&config).map(|texts| texts["key"].clone()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn values_are_text_and_secrets_come_from_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, " s3cret\n").unwrap();
        assert_eq!(of("key = 'x'"), Ok("x".into()));
        assert_eq!(of("key = 4"), Ok("4".into()));
        assert_eq!(of("key = true"), Ok("true".into()));
        assert_eq!(of(&format!("key = {{ file = {path:?} }}")), Ok("s3cret".into()));
        assert_eq!(of("key = { env = 'CARGO_PKG_NAME' }"), Ok("corral".into()));
    }

    #[test]
    fn what_is_not_there_is_named_by_its_key() {
        for (toml, told) in [
            ("key = { file = '/no/such' }", "/no/such"),
            ("key = { env = 'CORRAL_NO_SUCH' }", "CORRAL_NO_SUCH"),
            ("key = { path = 'x' }", "expected a value"),
            ("key = { file = 'a', env = 'b' }", "expected a value"),
        ] {
            let error = of(toml).unwrap_err();
            assert!(error.starts_with("config key key: ") && error.contains(told), "{error}");
        }
    }
}
