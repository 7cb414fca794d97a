//! `corral check` in a folder that has everything, and in one where everything is wrong.

use super::*;
use std::{fs, net::TcpListener, path::PathBuf};

/// A folder with everything that the host wants, as far as the first bytes of each file go.
struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("runtime.toml", SETTINGS);
        place.write("g.wasm", "\0asm\x0d\0\x01\0");
        place.write("l.wasm", "\0asm\x0d\0\x01\0");
        place.write(".corral/models/smollm2-135m-instruct-q4_1.gguf", "GGUF\x03\0\0\0");
        for file in [
            "model.onnx",
            "tokenizer.json",
            "config.json",
            "special_tokens_map.json",
            "tokenizer_config.json",
        ] {
            place.write(&format!(".corral/models/all-minilm-l6-v2/{file}"), "x");
        }
        place.write(".corral/lib/libonnxruntime.so", "\x7fELF....");
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
    }

    /// The lines of what is wrong.
    fn wrong(&self) -> Vec<String> {
        let findings = findings(&self.path("runtime.toml"), &Default::default());
        findings.iter().filter(|finding| !finding.ok).map(|finding| line(finding, 0)).collect()
    }
}

const SETTINGS: &str = "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
    [apps.chat]\ngateway = \"g.wasm\"\nlogic = \"l.wasm\"\n";

#[test]
fn what_the_checks_look_at_is_found_and_nothing_is_left_behind() {
    let place = Fixture::new();
    let before = fs::read_dir(place.path(".corral")).unwrap().count();
    // The components here have no inside: only that is wrong.
    let wrong = place.wrong();
    assert!(matches!(&wrong[..], [line] if line.starts_with("✗ apps.chat ")), "{wrong:#?}");
    let all = findings(&place.path("runtime.toml"), &Default::default());
    let named = |name: &str| all.iter().any(|finding| finding.ok && finding.name == name);
    for name in
        ["settings", "inference.model", "embedding.model", "store", "cache", "admin token", "admin.listen"]
    {
        assert!(named(name), "{name}");
    }
    assert_eq!(fs::read_dir(place.path(".corral")).unwrap().count(), before);
}

#[test]
fn a_token_is_looked_at_as_the_host_will() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Fixture::new();
    place.write(".corral/admin-token", "0123456789abcdef0123456789abcdef");
    let token = place.path(".corral/admin-token");
    let wrong = |mode: u32| {
        fs::set_permissions(&token, fs::Permissions::from_mode(mode)).unwrap();
        place.wrong().iter().any(|line| line.starts_with("✗ admin token ") && line.contains("chmod 600"))
    };
    assert!(wrong(0o644));
    assert!(!wrong(0o440), "a secret may be there only to be read");
}

#[test]
fn servers_that_do_not_answer_are_told_without_their_passwords() {
    let place = Fixture::new();
    let stores = "[sessions]\nbackend = \"redis\"\nurl = \"redis://:s3cret@127.0.0.1:1\"\n\
        [vectors]\nbackend = \"chroma\"\nurl = \"http://corral:s3cret@127.0.0.1:1\"\n";
    place.write("runtime.toml", &format!("{stores}{SETTINGS}"));
    let wrong = place.wrong();
    for (start, mend) in [("✗ sessions ", "start Redis"), ("✗ vectors ", "start ChromaDB")] {
        assert!(wrong.iter().any(|line| line.starts_with(start) && line.contains(mend)), "{wrong:#?}");
    }
    assert!(!wrong.concat().contains("s3cret"), "{wrong:#?}");
}

#[test]
fn each_thing_that_is_wrong_is_told_with_how_to_mend_it() {
    let place = Fixture::new();
    place.write("g.wasm", "\0asm\x01\0\0\0");
    fs::remove_file(place.path("l.wasm")).unwrap();
    place.write(".corral/models/smollm2-135m-instruct-q4_1.gguf", "<!DOCTYPE html>");
    fs::remove_file(place.path(".corral/models/all-minilm-l6-v2/tokenizer.json")).unwrap();
    place.write(".corral/lib/libonnxruntime.so", "");
    fs::create_dir(place.path(".corral/corral.db")).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    place.write("runtime.toml", &SETTINGS.replacen("127.0.0.1:0", &address, 1));
    let wrong = place.wrong();
    let rows = [
        (
            "✗ apps.chat.gateway  ",
            "a plain module, not a component; to mend it: build it for the target wasm32-wasip2",
        ),
        ("✗ apps.chat.logic  ", "l.wasm: not there; to mend it: make components"),
        ("✗ inference.model  ", "no GGUF file; to mend it: make setup"),
        ("✗ embedding.model  ", "without tokenizer.json; to mend it: make setup"),
        ("✗ embedding.runtime  ", "no shared library; to mend it: make setup"),
        ("✗ store  ", "a folder, not a file; to mend it: "),
        ("✗ server.listen  ", "in use; to mend it: stop the other program"),
    ];
    assert_eq!(wrong.len(), rows.len(), "{wrong:#?}");
    for (line, (start, part)) in wrong.iter().zip(rows) {
        assert!(line.starts_with(start) && line.contains(part), "{line}");
    }
}

#[test]
fn without_settings_nothing_else_is_looked_at() {
    let place = Fixture::new();
    place.write("runtime.toml", "[inference]\nn_ctx = 0\nqueue = 0");
    let wrong = place.wrong();
    assert_eq!(wrong.len(), 3, "{wrong:#?}");
    assert!(wrong[0].contains("inference.n_ctx = 0: expected at least 1"), "{}", wrong[0]);
}
