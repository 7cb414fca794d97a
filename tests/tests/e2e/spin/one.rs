//! A core module for WASI's first preview, which an adapter makes a component of.

use super::{asked, refused};
use anyhow::Result;
use e2e::{Host, Settings, Spin};
use serde_json::json;

#[tokio::test]
async fn a_core_module_is_served_as_a_component_is() -> Result<()> {
    let host = Host::spin(&Spin::new()?.only(&["kitchen-p1"]), &Settings::new()?).await?;
    let echo = asked(&host, "/one/echo?x=1").await?;
    assert_eq!((&echo["method"], &echo["query"]), (&json!("GET"), &json!("x=1")), "{echo}");
    asked(&host, "/one/key-value?do=set&key=bird&value=heron").await?;
    assert_eq!(asked(&host, "/one/key-value?do=get&key=bird").await?, "heron");
    assert_eq!(asked(&host, "/one/llm?prompt=A%20heron&max=2").await?["generated_tokens"], json!(2));
    assert_eq!(asked(&host, "/one/environment").await?, json!({ "KITCHEN": "old" }));
    let files = asked(&host, "/one/files").await?;
    assert_eq!(files["read"], "Hello from the notes.\n", "{files}");
    assert!(files["written"]["error"].is_string(), "{files}");
    assert_eq!(asked(&host, "/one/clock").await?["passes"], json!(true));
    let told = refused(&host, "/one/sqlite").await?;
    assert!(told.contains("AccessDenied"), "{told}");
    Ok(())
}
