//! What a dependency may import without inheriting it.

use corral_wasm::spin::{Application, Options};
use std::fs;

/// The least component that has these names, and nothing behind them.
fn component(import: &str, export: &str) -> Vec<u8> {
    let name = |name: &str| [&[0, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    let section =
        |id: u8, content: Vec<u8>| [&[id, u8::try_from(content.len()).unwrap()], content.as_slice()].concat();
    [
        b"\0asm\x0d\0\x01\0".to_vec(),
        // An instance type without exports, an import of that type, and an instance without exports.
        section(7, vec![1, 0x42, 0]),
        section(10, [&[1], name(import).as_slice(), &[5, 0]].concat()),
        section(5, vec![1, 1, 0]),
        section(11, [&[1], name(export).as_slice(), &[5, 1, 0]].concat()),
    ]
    .concat()
}

/// What is said of a component whose dependency imports an interface and inherits these keys.
fn composed(import: &str, inherits: &str) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().unwrap();
    let main = component("test:words/list@1.0.0", "wasi:http/incoming-handler@0.2.6");
    fs::write(folder.path().join("main.wasm"), &main).unwrap();
    fs::write(folder.path().join("words.wasm"), component(import, "test:words/list@1.0.0")).unwrap();
    let manifest = folder.path().join("spin.toml");
    let text = format!(
        "spin_manifest_version = 2\n\
         application = {{ name = \"words\" }}\n\
         [[trigger.http]]\n\
         route = \"/...\"\n\
         component = \"main\"\n\
         [component.main]\n\
         source = \"main.wasm\"\n\
         [component.main.dependencies]\n\
         \"test:words\" = {{ path = \"words.wasm\", inherit_configuration = {inherits} }}\n"
    );
    fs::write(&manifest, text).unwrap();
    let application = Application::load(&Options { manifest, ..Options::default() }).unwrap();
    application.components["main"].compose(&main).map_err(|error| format!("{error:#}"))
}

#[test]
fn what_has_means_is_inherited_or_refused() {
    for (import, key) in [
        ("wasi:http/outgoing-handler@0.2.6", "allowed_outbound_hosts"),
        ("wasi:http/client@0.3.0", "allowed_outbound_hosts"),
        ("wasi:keyvalue/store@0.2.0-draft2", "key_value_stores"),
        ("wasi:keyvalue/batch@0.2.0-draft2", "key_value_stores"),
        ("wasi:keyvalue/atomics@0.2.0-draft2", "key_value_stores"),
        ("wasi:config/store@0.2.0-draft-2024-09-27", "variables"),
        ("fermyon:spin/llm@2.0.0", "ai_models"),
        ("fermyon:spin/redis@2.0.0", "allowed_outbound_hosts"),
        ("fermyon:spin/key-value@2.0.0", "key_value_stores"),
        ("fermyon:spin/variables@2.0.0", "variables"),
        ("fermyon:spin/sqlite@2.0.0", "sqlite_databases"),
        ("spin:redis/redis@3.0.0", "allowed_outbound_hosts"),
        ("spin:key-value/key-value@3.0.0", "key_value_stores"),
        ("spin:variables/variables@3.0.0", "variables"),
        ("spin:sqlite/sqlite@3.1.0", "sqlite_databases"),
    ] {
        let refused = composed(import, "false").unwrap_err();
        assert!(refused.contains(import) && refused.contains(key), "{import}: {refused}");
        composed(import, &format!("[\"{key}\"]")).unwrap();
        composed(import, "true").unwrap();
    }
}

#[test]
fn a_wasi_without_means_needs_nothing() {
    for import in ["wasi:io/streams@0.2.6", "wasi:clocks/wall-clock@0.2.6", "wasi:http/types@0.2.6"] {
        composed(import, "false").unwrap();
    }
}
