//! The rules of the house that a compiler does not know.

use anyhow::{Context, Result};
use e2e::root;
use std::{fs, path::PathBuf};

fn files(folder: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn sources() -> Result<Vec<PathBuf>> {
    Ok(["host", "components", "tests"]
        .iter()
        .map(|folder| files(folder, "rs"))
        .collect::<Result<Vec<_>>>()?
        .concat())
}

#[test]
fn every_source_file_says_first_what_it_is_for() -> Result<()> {
    for path in sources()? {
        let text = fs::read_to_string(&path)?;
        assert!(text.starts_with("//! "), "{}", path.display());
    }
    Ok(())
}

#[test]
fn a_capability_has_one_name_in_five_places() -> Result<()> {
    let settings = fs::read_to_string(root().join("runtime.toml"))?;
    for name in ["sessions", "vectors", "embedding", "inference"] {
        for place in [
            format!("wit/host/{name}.wit"),
            format!("host/wasm/src/imports/{name}.rs"),
            format!("host/backends/{name}/src/lib.rs"),
        ] {
            assert!(root().join(&place).exists(), "{place}");
        }
        assert!(settings.contains(&format!("\n[{name}]\n")), "[{name}] in runtime.toml");
    }
    Ok(())
}

/// `cli → start → server → apps → guest → imports → backends`. That crates do not depend on each other in circles
/// Cargo sees to; within a crate nothing but this does.
#[test]
fn arrows_point_one_way() -> Result<()> {
    for (krate, layers) in
        [("host", &["apps", "server", "start", "cli"][..]), ("host/wasm", &["imports", "guest"])]
    {
        for (index, layer) in layers.iter().enumerate() {
            for path in modules(krate, layer)? {
                let text = fs::read_to_string(&path)?;
                for above in &layers[index + 1..] {
                    // The store's data is what imports are implemented on.
                    let upward = *layer == "imports" && *above == "guest";
                    let named = text.contains(&format!("crate::{above}"));
                    assert!(upward || !named, "{} names {above}", path.display());
                }
            }
        }
    }
    Ok(())
}

fn modules(krate: &str, layer: &str) -> Result<Vec<PathBuf>> {
    let mut found = files(&format!("{krate}/src/{layer}"), "rs")?;
    found.push(root().join(format!("{krate}/src/{layer}.rs")));
    Ok(found)
}

#[test]
fn back_ends_know_neither_wasm_nor_http_nor_each_other() -> Result<()> {
    for path in files("host/backends", "toml")? {
        let text = fs::read_to_string(&path)?;
        let rest = text.split_once("\n[dependencies]\n").context("no dependencies")?.1;
        // What only tests depend on comes in a table of its own.
        let dependencies = rest.split("\n[").next().unwrap_or(rest);
        for dependency in dependencies.lines() {
            let other =
                ["corral-", "wasmtime", "hyper", "wit-bindgen"].iter().any(|no| dependency.starts_with(no));
            // The file that several of them keep their tables in; it knows none of them.
            let shared = dependency.starts_with("corral-store.");
            assert!(shared || !other, "{} names {dependency}", path.display());
        }
    }
    Ok(())
}

#[test]
fn source_files_stay_small_enough_to_hold() -> Result<()> {
    for path in sources()? {
        let lines = fs::read_to_string(&path)?.lines().count();
        assert!(lines <= 400, "{} has {lines} lines: which second noun hides in it?", path.display());
    }
    Ok(())
}

#[test]
fn links_in_the_documents_lead_somewhere() -> Result<()> {
    for path in documents()? {
        let text = fs::read_to_string(&path)?;
        let folder = path.parent().context("a file is in a folder")?;
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            if file.contains("://") {
                continue;
            }
            let file = if file.is_empty() { path.clone() } else { folder.join(file) };
            assert!(file.exists(), "{} links to {target}", path.display());
            let there = heading.is_empty() || headings(&fs::read_to_string(&file)?).any(|id| id == heading);
            assert!(there, "{} links to {target}, which has no such heading", path.display());
        }
    }
    Ok(())
}

/// Every page of Markdown that is ours.
fn documents() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root())? {
        let path = entry?.path();
        found.extend(path.extension().is_some_and(|extension| extension == "md").then_some(path));
    }
    for folder in ["components", "docs", "examples", "host", "scripts", "tests", "wit"] {
        let inside = files(folder, "md")?.into_iter();
        found
            .extend(inside.filter(|path| path.iter().all(|part| part != "node_modules" && part != "target")));
    }
    Ok(found)
}

/// What links call the headings of a page.
fn headings(page: &str) -> impl Iterator<Item = String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix('#'));
    let letters = |c: char| match c {
        ' ' => Some('-'),
        c => (c.is_alphanumeric() || c == '-' || c == '_').then(|| c.to_ascii_lowercase()),
    };
    lines.map(move |line| line.trim_start_matches('#').trim().chars().filter_map(letters).collect())
}
