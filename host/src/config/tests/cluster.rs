//! The settings in the manifests for a cluster.

use super::{super::Config, parse};
use std::path::Path;

#[test]
fn the_settings_for_a_cluster_are_settings_and_grant_what_the_defaults_do() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = std::fs::read_to_string(folder.join("deploy/spinkube/corral.yaml")).unwrap();
    let (_, rest) = manifest.split_once("runtime.toml: |\n").unwrap();
    let text: String =
        rest.lines().take_while(|line| *line != "---").map(|line| format!("{line}\n")).collect();
    let cluster = parse(&text, &[]).unwrap();
    let own = Config::load(&folder.join("runtime.toml")).unwrap();
    assert_eq!(cluster.apps["chat"].grants, own.apps["chat"].grants);
    assert!(cluster.apps["chat"].config.contains_key("spin_token"));
}
