//! Components call each other inside the host.

use super::{asked, kitchen, refused, spin};
use anyhow::Result;
use e2e::{Host, Reply, Settings};
use reqwest::{StatusCode, Url};

#[tokio::test]
async fn a_component_reaches_another_one_by_its_name() -> Result<()> {
    let host = kitchen().await?;
    let answer = asked(&host, "/kitchen/chain?path=deep/down").await?;
    assert_eq!(answer["status"], 200, "{answer}");
    let said = answer["body"].as_str().unwrap_or_default();
    assert!(said.starts_with("other: POST /deep/down by "), "{answer}");
    assert!(said.ends_with(": from the kitchen"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_private_component_is_reached_by_components_alone() -> Result<()> {
    let host = kitchen().await?;
    let answer = asked(&host, "/kitchen/chain?component=hidden&path=x").await?;
    assert_eq!(answer["status"], 200, "{answer}");
    // Not by a name that only means something inside.
    let client = host.client()?;
    let named = client.get("/kitchen/special").header("host", "hidden.spin.internal");
    let said = named.send().await?.text().await?;
    assert!(said.contains(" by /kitchen/special"), "{said}");
    let reply = Reply::of(client.get("/x").header("host", "hidden.spin.internal")).await?;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn what_is_not_granted_is_not_reached_inside_either() -> Result<()> {
    let spin = spin()?;
    let granted = vec!["http://other.spin.internal", "http://nobody.spin.internal"];
    let spin = spin.set("component.kitchen.allowed_outbound_hosts", granted);
    let host = Host::spin(&spin, &Settings::new()?).await?;
    assert_eq!(asked(&host, "/kitchen/chain").await?["status"], 200);
    let denied = refused(&host, "/kitchen/chain?component=hidden").await?;
    assert!(denied.contains("HttpRequestDenied"), "{denied}");
    // Granted, and not there.
    refused(&host, "/kitchen/chain?component=nobody").await?;
    Ok(())
}

/// The kitchen asks itself so many times, and then `other`.
fn nested(times: u32) -> Result<String> {
    let mut url = Url::parse("http://kitchen/chain")?;
    if times == 0 {
        url.query_pairs_mut().append_pair("path", "end");
    } else {
        let further = nested(times - 1)?;
        url.query_pairs_mut().append_pair("component", "kitchen").append_pair("path", &further[1..]);
    }
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

#[tokio::test]
async fn components_cannot_call_each_other_without_end() -> Result<()> {
    let granted = vec!["http://kitchen.spin.internal", "http://other.spin.internal"];
    let spin = spin()?.set("component.kitchen.allowed_outbound_hosts", granted);
    let host = Host::spin(&spin, &Settings::new()?).await?;
    let answer = asked(&host, &format!("/kitchen{}", nested(7)?)).await?.to_string();
    assert!(answer.contains("other: POST /end"), "{answer}");
    let answer = asked(&host, &format!("/kitchen{}", nested(8)?)).await?.to_string();
    assert!(answer.contains("HttpRequestDenied") && !answer.contains("other:"), "{answer}");
    Ok(())
}
