//! A component that is granted nothing has nothing.

use super::{asked, refused};
use anyhow::Result;
use e2e::{Host, Settings, Spin};
use serde_json::json;

#[tokio::test]
async fn nothing_is_granted_by_default() -> Result<()> {
    let host = Host::spin(&Spin::new()?.only(&["bare", "other"]), &Settings::new()?).await?;
    for (path, error) in [
        ("key-value", "AccessDenied"),
        ("key-value?store=shared", "AccessDenied"),
        ("sqlite", "AccessDenied"),
        ("redis?address=redis://127.0.0.1:6379", "InvalidAddress"),
        ("variables?name=api_key", "Undefined"),
        ("llm?prompt=Hello", "does not have access to use 'llama2-chat'"),
        ("embeddings?texts=Hello", "does not have access to use 'all-minilm-l6-v2'"),
        ("fetch?url=http://127.0.0.1:1/", "HttpRequestDenied"),
        ("fetch?url=https://example.com/", "HttpRequestDenied"),
        ("chain", "HttpRequestDenied"),
    ] {
        let told = refused(&host, &format!("/bare/{path}")).await?;
        assert!(told.contains(error), "{path}: {told}");
    }
    assert_eq!(asked(&host, "/bare/files").await?["found"], json!([]));
    assert_eq!(asked(&host, "/bare/environment").await?, json!({}));
    Ok(())
}
