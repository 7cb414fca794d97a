//! Files, the environment and clocks.

use super::{asked, kitchen, spin};
use anyhow::Result;
use e2e::{Host, Settings};
use serde_json::json;

#[tokio::test]
async fn a_component_reads_the_files_of_its_manifest_and_writes_none() -> Result<()> {
    let host = kitchen().await?;
    let answer = asked(&host, "/kitchen/files").await?;
    assert_eq!(answer["read"], "Hello from the notes.\n", "{answer}");
    assert_eq!(answer["found"], json!(["/assets/pattern.txt", "/notes/hello.txt"]));
    for attempt in ["written", "above"] {
        assert!(answer[attempt]["error"].is_string(), "{attempt}: {answer}");
    }
    assert!(!host.folder().join("assets/notes/new.txt").exists());
    Ok(())
}

#[tokio::test]
async fn a_component_sees_its_own_environment_and_a_clock() -> Result<()> {
    let host = kitchen().await?;
    assert_eq!(asked(&host, "/kitchen/environment").await?, json!({ "KITCHEN": "open" }));
    assert_eq!(asked(&host, "/kitchen/clock").await?, json!({ "passes": true, "late": true }));
    Ok(())
}

#[tokio::test]
async fn a_profile_changes_what_it_names_and_nothing_else() -> Result<()> {
    let spin = spin()?
        .set("component.kitchen.profile.trial.environment.KITCHEN", "on trial")
        .set("component.other.profile.other.environment.KITCHEN", "never")
        .argument("--profile")
        .argument("trial");
    let host = Host::spin(&spin, &Settings::new()?).await?;
    assert_eq!(asked(&host, "/kitchen/environment").await?, json!({ "KITCHEN": "on trial" }));
    assert_eq!(asked(&host, "/kitchen/chain").await?["status"], 200);
    Ok(())
}
