//! Requests to the outside, where the manifest allows them.

use super::{asked, refused, spin};
use crate::upstream::Upstream;
use anyhow::Result;
use e2e::{Host, Reply, Settings};
use reqwest::Method;

#[tokio::test]
async fn a_granted_host_is_reached_with_method_headers_and_body() -> Result<()> {
    let upstream = Upstream::start().await?;
    let spin = spin()?.variable("upstream", &upstream.authority());
    let host = Host::spin(&spin, &Settings::new()?).await?;
    let url = format!("http://{}/birds?x=1", upstream.authority());
    let path = format!("/kitchen/fetch?url={}", url.replace('?', "%3F"));
    let got = asked(&host, &path).await?;
    assert_eq!(got["status"], 200, "{got}");
    assert_eq!(got["body"], "upstream: GET /birds?x=1: ");
    assert_eq!(got["x-kitchen"], "five");
    // More than any buffer on the way.
    let body = "heron ".repeat(20_000);
    let posted = Reply::of(host.client()?.request(Method::POST, &path).body(body.clone())).await?.body;
    assert_eq!(posted["body"], format!("upstream: POST /birds?x=1: {body}"));

    for url in [
        format!("http://localhost:{}/", upstream.authority().rsplit(':').next().unwrap_or_default()),
        format!("https://{}/", upstream.authority()),
        "http://127.0.0.1:1/".to_owned(),
        "http://example.com/".to_owned(),
    ] {
        let told = refused(&host, &format!("/kitchen/fetch?url={url}")).await?;
        assert!(told.contains("HttpRequestDenied"), "{url}: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn a_granted_host_that_is_not_there_is_an_error_of_its_own() -> Result<()> {
    let upstream = Upstream::start().await?;
    let authority = upstream.authority();
    drop(upstream);
    let spin = spin()?.variable("upstream", &authority);
    let host = Host::spin(&spin, &Settings::new()?).await?;
    let told = refused(&host, &format!("/kitchen/fetch?url=http://{authority}/")).await?;
    assert!(told.contains("Connection") && !told.contains("Denied"), "{told}");
    Ok(())
}
