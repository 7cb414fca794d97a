//! The corpus of manifests: what is valid is accepted, and what is not is told by file, key and mend.

use anyhow::{Context, Result, ensure};
use e2e::{Settings, binary, root};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use tokio::process::Command;

/// The least number of manifests that are looked for, so that a lost folder is noticed.
const VALID: usize = 12;
const BROKEN: usize = 50;

/// A folder with everything that the manifests name.
fn folder() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let other = root().join("target/spin-fixtures/wasm32-wasip2/component/other.wasm");
    let bytes = fs::read(&other).with_context(|| format!("{}: run `make spin-fixtures`", other.display()))?;
    fs::write(path("hello.wasm"), &bytes)?;
    fs::write(path("provider.wasm"), &bytes)?;
    fs::write(path("text.wasm"), "no module, no component")?;
    for (name, import) in [
        ("mqtt", "fermyon:spin/mqtt@2.0.0"),
        ("postgres", "fermyon:spin/postgres@2.0.0"),
        ("mysql", "fermyon:spin/mysql@2.0.0"),
        ("otel", "wasi:otel/tracing@0.2.0-rc.2"),
    ] {
        fs::write(path(&format!("{name}.wasm")), importing(import))?;
    }
    fs::create_dir(path("notes"))?;
    fs::write(path("notes/hello.txt"), "Hello")?;
    fs::write(path("notes/hello.md"), "Hello")?;
    Settings::new()?.write(&path("runtime.toml"))?;
    Ok(folder)
}

/// The least component that answers HTTP by its names alone and imports one interface.
fn importing(import: &str) -> Vec<u8> {
    let name = |name: &str| [&[0, name.len() as u8], name.as_bytes()].concat();
    let section = |id: u8, content: Vec<u8>| [&[id, content.len() as u8], content.as_slice()].concat();
    [
        b"\0asm\x0d\0\x01\0".to_vec(),
        // An instance type without exports, an import of that type, and an instance without exports.
        section(7, vec![1, 0x42, 0]),
        section(10, [&[1], name(import).as_slice(), &[5, 0]].concat()),
        section(5, vec![1, 1, 0]),
        section(11, [&[1], name("wasi:http/incoming-handler@0.2.6").as_slice(), &[5, 1, 0]].concat()),
    ]
    .concat()
}

/// The manifests of a folder, copied to where what they name is.
fn manifests(folder: &Path, kind: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("tests/fixtures/spin/manifests").join(kind))? {
        let path = entry?.path();
        let copy = folder.join(path.file_name().context("a name")?);
        fs::copy(&path, &copy)?;
        if copy.extension().is_some_and(|extension| extension == "toml") {
            found.push(copy);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a manifest is accepted, and what is said of it.
async fn check(manifest: &Path) -> Result<(bool, String)> {
    let mut command = Command::new(binary()?);
    command
        .args(["check", "--config", "runtime.toml", "--spin"])
        .arg(manifest.file_name().context("a name")?);
    let runtime = manifest.with_extension("runtime");
    if runtime.exists() {
        command.arg("--runtime-config-file").arg(runtime.file_name().context("a name")?);
    }
    let output = command.current_dir(manifest.parent().context("a folder")?).output().await?;
    let said = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
    Ok((output.status.success(), said))
}

#[tokio::test]
async fn valid_manifests_are_accepted() -> Result<()> {
    let folder = folder()?;
    let manifests = manifests(folder.path(), "valid")?;
    ensure!(manifests.len() >= VALID, "only {} manifests", manifests.len());
    let mut wrong = Vec::new();
    for manifest in manifests {
        let (accepted, said) = check(&manifest).await?;
        if !accepted {
            wrong.push(format!("{}:\n{said}", manifest.display()));
        }
    }
    assert!(wrong.is_empty(), "{} are refused:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

#[tokio::test]
async fn broken_manifests_are_refused_with_file_key_and_mend() -> Result<()> {
    let folder = folder()?;
    let manifests = manifests(folder.path(), "broken")?;
    ensure!(manifests.len() >= BROKEN, "only {} manifests", manifests.len());
    let mut wrong = Vec::new();
    for manifest in manifests {
        let phrases = fs::read_to_string(manifest.with_extension("txt"))?;
        let (accepted, said) = check(&manifest).await?;
        let missing: Vec<_> = phrases.lines().filter(|phrase| !said.contains(phrase)).collect();
        if accepted || !missing.is_empty() {
            wrong.push(format!("{}: accepted {accepted}, without {missing:?}:\n{said}", manifest.display()));
        }
    }
    assert!(wrong.is_empty(), "{} are not as they should be:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
