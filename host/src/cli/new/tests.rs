//! What is in a new project, and what cannot be one. That it builds, the end-to-end tests show.

use super::*;

fn args(folder: PathBuf, language: Language) -> Args {
    Args { folder, language, app: "birds".into(), json: false }
}

#[test]
fn a_new_project_has_the_contract_and_its_own_name() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("made/bird-guide");
    run(&args(folder.clone(), Language::Rust)).unwrap();
    let read = |path: &str| fs::read_to_string(folder.join(path)).unwrap();
    assert!(read("Cargo.toml").contains("name = \"bird-guide\""));
    assert!(
        read("corral.toml").contains("app = \"birds\"") && read("corral.toml").contains("bird_guide.wasm")
    );
    assert_eq!(read("corral-logic/wit/chat/turns.wit"), include_str!("../../../../wit/chat/turns.wit"));
    assert_eq!(
        read("corral-logic/src/budget/costs.rs"),
        include_str!("../../../../components/logic/src/budget/costs.rs")
    );
    for (path, text) in rust() {
        let left = path.starts_with("corral-logic/src") || !filled(text, "x", "y").contains("{{");
        assert!(left, "{}", path.display());
    }
}

#[test]
fn javascript_has_the_contract_where_its_tools_look() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("guide");
    run(&args(folder.clone(), Language::JavaScript)).unwrap();
    for file in ["wit/turns.wit", "wit/deps/host/inference.wit", "wit/deps/io/streams.wit", "logic.js"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
}

#[test]
fn a_folder_that_is_there_is_left_alone_and_odd_names_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let error =
        |name: &str| format!("{:#}", run(&args(scratch.path().join(name), Language::Rust)).unwrap_err());
    fs::create_dir(scratch.path().join("mine")).unwrap();
    assert!(error("mine").contains("exists"), "{}", error("mine"));
    for name in ["My Logic", "1st", "a.b", "corral-logic"] {
        assert!(error(name).contains("name"), "{name}");
        assert!(!scratch.path().join(name).exists());
    }
}

#[test]
fn a_project_depends_on_what_the_components_here_depend_on() {
    let dependency = |manifest: &str, tables: &[&str]| {
        let table: toml::Table = manifest.parse().unwrap();
        let tables = tables.iter().fold(table, |table, name| table[*name].as_table().unwrap().clone());
        tables["wit-bindgen"].clone()
    };
    let workspace = dependency(include_str!("../../../../Cargo.toml"), &["workspace", "dependencies"]);
    assert_eq!(dependency(include_str!("rust/crate.toml"), &["dependencies"]), workspace);
}
