//! What a project is, and what of it is watched.

use super::*;

const TOML: &str = r#"
app = "chat"
build = ["true"]
component = "logic.wasm"
sources = ["src", "one.txt"]
"#;

fn project(toml: &str) -> (tempfile::TempDir, anyhow::Result<Project>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(PROJECT), toml).unwrap();
    let project = Project::read(folder.path());
    (folder, project)
}

#[test]
fn a_saved_source_is_seen_and_nothing_else_is() {
    let (folder, project) = project(TOML);
    let (folder, project) = (folder.path(), project.unwrap());
    fs::create_dir_all(folder.join("src/deep")).unwrap();
    let before = project.look(folder);
    for other in ["logic.wasm", "two.txt", "src/.lib.rs.swp"] {
        fs::write(folder.join(other), "x").unwrap();
        assert_eq!(project.look(folder), before, "{other}");
    }
    let mut seen = before;
    for source in ["one.txt", "src/deep/lib.rs"] {
        for text in ["x", "xy"] {
            fs::write(folder.join(source), text).unwrap();
            let now = project.look(folder);
            assert_ne!(now, seen, "{source}");
            seen = now;
        }
    }
    fs::remove_file(folder.join("one.txt")).unwrap();
    assert_ne!(project.look(folder), seen);
}

#[test]
fn a_project_that_cannot_be_built_says_what_is_missing() {
    let refused = |toml: &str| format!("{:#}", project(toml).1.unwrap_err());
    assert!(refused(&TOML.replace("[\"true\"]", "[]")).contains("build is empty"));
    assert!(refused(&TOML.replace("[\"src\", \"one.txt\"]", "[]")).contains("sources is empty"));
    assert!(refused(&TOML.replace("app", "name")).contains("name"), "an unknown key is named");
    let missing = format!("{:#}", Project::read(Path::new("/nowhere")).unwrap_err());
    assert!(missing.contains("/nowhere/corral.toml") && missing.contains("corral new"), "{missing}");
}

#[tokio::test]
async fn a_build_that_fails_or_is_not_there_is_an_error() {
    for (build, told) in [("false", "the build failed"), ("no-such-tool", "starting no-such-tool")] {
        let (folder, project) = project(&TOML.replace("true", build));
        let error = format!("{:#}", project.unwrap().build(folder.path(), false).await.unwrap_err());
        assert!(error.contains(told), "{error}");
    }
}
