//! The composed chat application asks for what published versions of Spin offer, and for nothing else; and the manifest
//! is such that Spin can compose it.

use anyhow::{Context, Result, ensure};
use corral_spin_app::{Parts, compose, world};
use std::{fs, path::PathBuf};
use toml::Table;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn parts() -> Result<Parts> {
    let read = |name: &str| {
        let path = root().join("target/wasm32-wasip2/component").join(name);
        fs::read(&path).with_context(|| format!("{}: run `make spin-app`", path.display()))
    };
    Ok(Parts {
        gateway: read("corral_gateway.wasm")?,
        logic: read("corral_chat.wasm")?,
        adapter: read("corral_spin_adapter.wasm")?,
    })
}

fn table(path: &str) -> Result<Table> {
    let path = root().join(path);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(text.parse()?)
}

fn strings(table: &toml::Value, key: &str) -> Vec<String> {
    let values = table.get(key).and_then(toml::Value::as_array).into_iter().flatten();
    values.filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

/// The numbers of a version, to be compared.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|number| number.parse().unwrap_or(u32::MAX)).collect()
}

#[test]
fn the_composed_application_asks_for_what_a_published_spin_offers() -> Result<()> {
    let chat = world(&compose(&parts()?)?)?;
    ensure!(chat.exports.iter().any(|name| name.starts_with("wasi:http/incoming-handler@0.2.")), "{chat:?}");
    let platforms = table("components/spin-app/tests/fixtures/platforms.toml")?;
    let platforms = platforms.get("platform").and_then(toml::Value::as_array).context("no platform")?;
    assert_eq!(platforms.len(), 2);
    for platform in platforms {
        let name = platform.get("name").and_then(toml::Value::as_str).context("a name")?;
        let newest = platform.get("wasi").and_then(toml::Value::as_str).context("a version of WASI")?;
        let (spin, interfaces) = (strings(platform, "spin"), strings(platform, "interfaces"));
        for import in &chat.imports {
            let (interface, version) = import.split_once('@').context("an import without a version")?;
            let is_offered = spin.contains(import)
                || interfaces.iter().any(|offered| offered == interface)
                    && numbers(version) <= numbers(newest)
                    && version.starts_with("0.2.");
            assert!(is_offered, "{name} has no {import}");
        }
    }
    for needed in ["fermyon:spin/llm@2.0.0", "fermyon:spin/redis@2.0.0", "fermyon:spin/variables@2.0.0"] {
        assert!(chat.imports.iter().any(|import| import == needed), "{needed} in {chat:?}");
    }
    Ok(())
}

#[test]
fn an_adapter_that_gives_too_little_is_told() -> Result<()> {
    let parts = parts()?;
    let without = Parts { adapter: parts.logic.clone(), ..parts };
    let error = format!("{:#}", compose(&without).err().context("composed")?);
    assert!(error.contains("does not give") && error.contains("corral:host/inference@0.1.0"), "{error}");
    Ok(())
}

#[test]
fn the_manifest_names_a_dependency_that_gives_all_that_spin_has_to_plug() -> Result<()> {
    let parts = parts()?;
    let (chat, adapter) = (world(&parts.chat()?)?, world(&parts.adapter)?);
    let manifest = table("spin.toml")?;
    let component = manifest.get("component").and_then(|all| all.get("chat")).context("component.chat")?;
    let dependencies =
        component.get("dependencies").and_then(toml::Value::as_table).context("dependencies")?;
    let (package, version) = ("corral:host", "0.1.0");
    assert_eq!(dependencies.keys().collect::<Vec<_>>(), [&format!("{package}@{version}")]);
    // What Spin matches: every import of the package, by an export of the same name.
    for import in chat.imports.iter().filter(|import| import.starts_with("corral:")) {
        assert!(import.starts_with(&format!("{package}/")) && import.ends_with(version), "{import}");
        assert!(adapter.exports.contains(import), "{import} in {adapter:?}");
    }
    assert_eq!(component.get("dependencies_inherit_configuration"), Some(&true.into()));
    Ok(())
}

#[test]
fn every_variable_of_the_manifest_reaches_the_component_and_tokens_are_secret() -> Result<()> {
    let manifest = table("spin.toml")?;
    let variables = manifest.get("variables").and_then(toml::Value::as_table).context("variables")?;
    let component = manifest.get("component").and_then(|all| all.get("chat")).context("component.chat")?;
    let given = component.get("variables").and_then(toml::Value::as_table).context("component variables")?;
    for (name, variable) in variables {
        let value = given.get(name).and_then(toml::Value::as_str);
        assert_eq!(value, Some(format!("{{{{ {name} }}}}").as_str()), "{name}");
        let is_secret = variable.get("secret").and_then(toml::Value::as_bool).unwrap_or(false);
        assert_eq!(is_secret, name.ends_with("_token") || name == "redis_url", "{name}");
    }
    assert_eq!(variables.len(), given.len());
    Ok(())
}
