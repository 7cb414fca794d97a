//! `corral build` does what `spin build` does.

use anyhow::Result;
use e2e::binary;
use std::{fs, path::Path};
use tokio::process::Command;

const MANIFEST: &str = r#"
spin_manifest_version = 2

[application]
name = "built"

[[trigger.http]]
route = "/..."
component = "one"

[component.one]
source = "one.wasm"

[component.one.build]
command = ["touch first", "pwd > where", "touch last"]
workdir = "inner"

[component.two]
source = "two.wasm"

[component.two.build]
command = "touch two"
"#;

/// Whether it succeeded, and what it said.
async fn build(folder: &Path, arguments: &[&str]) -> Result<(bool, String)> {
    let output = Command::new(binary()?)
        .args(["build", "--spin", "spin.toml"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .await?;
    let said = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
    Ok((output.status.success(), said))
}

fn folder(manifest: &str) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("inner"))?;
    fs::write(folder.path().join("spin.toml"), manifest)?;
    Ok(folder)
}

#[tokio::test]
async fn the_commands_of_each_component_run_in_order_where_they_belong() -> Result<()> {
    let folder = folder(MANIFEST)?;
    let (succeeded, said) = build(folder.path(), &[]).await?;
    assert!(succeeded, "{said}");
    let there = |name: &str| folder.path().join(name).exists();
    assert!(there("inner/first") && there("inner/last") && there("two"), "{said}");
    let place = fs::read_to_string(folder.path().join("inner/where"))?;
    assert!(place.trim().ends_with("/inner"), "{place}");
    Ok(())
}

#[tokio::test]
async fn only_what_is_named_is_built_and_the_first_failure_ends_it() -> Result<()> {
    let folder = folder(&MANIFEST.replace("pwd > where", "exit 3"))?;
    let there = |name: &str| folder.path().join(name).exists();
    assert!(build(folder.path(), &["two"]).await?.0);
    assert!(there("two") && !there("inner/first"));
    let (succeeded, said) = build(folder.path(), &["one"]).await?;
    assert!(!succeeded && said.contains("exit 3") && said.contains("one"), "{said}");
    assert!(there("inner/first") && !there("inner/last"));
    let (succeeded, said) = build(folder.path(), &["three"]).await?;
    assert!(!succeeded && said.contains("three"), "{said}");
    Ok(())
}
