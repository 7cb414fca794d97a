//! Components that are written in triggers and profiles have what others have, and are checked as others are.

use corral_wasm::spin::{Application, Options};
use std::fs;

/// An application of a manifest that begins as all do.
fn load(text: &str) -> Result<Application, String> {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("spin.toml");
    fs::write(folder.path().join("main.wasm"), "read later").unwrap();
    fs::write(&manifest, format!("spin_manifest_version = 2\napplication = {{ name = \"all\" }}\n{text}"))
        .unwrap();
    let profile = text.contains("profile").then(|| "dev".to_owned());
    Application::load(&Options { manifest, profile, ..Options::default() })
        .map_err(|error| format!("{error:#}"))
}

#[test]
fn a_component_in_a_trigger_has_its_stores() {
    let text = r#"
        [[trigger.http]]
        route = "/..."
        component = { source = "main.wasm", key_value_stores = ["default"], sqlite_databases = ["default"] }
    "#;
    let application = load(text).unwrap();
    let component = &application.components["http-0"];
    assert!(component.key_value.contains_key("default") && component.sqlite.contains_key("default"));
    let unknown = load(&text.replace("default", "other")).err().unwrap();
    assert!(unknown.contains("[key_value_store.other]"), "{unknown}");
}

#[test]
fn a_component_in_a_trigger_takes_no_others_name() {
    let text = r#"
        [[trigger.http]]
        id = "api"
        route = "/..."
        component = { source = "main.wasm" }
        [component.api-component]
        source = "main.wasm"
    "#;
    let refused = load(text).err().unwrap();
    assert!(refused.contains("trigger.http[0].component") && refused.contains("another id"), "{refused}");
    load(&text.replace("component.api-component", "component.api")).unwrap();
}

#[test]
fn a_dependency_of_a_profile_has_to_be_there() {
    let text = r#"
        [[trigger.http]]
        route = "/..."
        component = "main"
        [component.main]
        source = "main.wasm"
        [component.main.profile.dev.dependencies]
        "test:words" = { component = "mian" }
    "#;
    let refused = load(text).err().unwrap();
    let key = "component.main.profile.dev.dependencies.\"test:words\".component";
    assert!(refused.contains(key) && refused.contains("did you mean \"main\""), "{refused}");
}
