//! Components for WASI 0.3, as spin-sdk 7 builds them.

use super::{asked, refused, stream::trickled};
use crate::upstream::Upstream;
use anyhow::Result;
use corral_services::Redis;
use e2e::{Host, Reply, Settings, Spin};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_component_of_the_next_wasi_is_answered_by_the_same_host() -> Result<()> {
    let host = Host::spin(&Spin::new()?.only(&["kitchen7", "other"]), &Settings::new()?).await?;
    let request = host.client()?.request(Method::POST, "/seven/echo/a?x=1").body("a body");
    let echo = Reply::of(request.header("spin-path-info", "/stream")).await?.body;
    assert_eq!((&echo["method"], &echo["body"]), (&json!("POST"), &json!("a body")), "{echo}");
    assert_eq!((&echo["path"], &echo["query"]), (&json!("/seven/echo/a"), &json!("x=1")));
    assert_eq!(echo["headers"]["spin-path-info"], "/echo/a");
    assert_eq!(echo["headers"]["spin-matched-route"], "/seven/...");

    let (text, apart) = trickled(host.client()?.get("/seven/stream").send().await?).await?;
    assert_eq!(text, "line 0\nline 1\nline 2\nline 3\nline 4\n");
    assert!(apart > 2, "it came in {apart} heaps");

    for number in 0..40 {
        asked(&host, &format!("/seven/key-value?do=set&key=k{number:02}&value=v{number}")).await?;
    }
    assert_eq!(asked(&host, "/seven/key-value?do=get&key=k07").await?, "v7");
    assert_eq!(asked(&host, "/seven/key-value?do=exists&key=k99").await?, json!(false));
    let keys = asked(&host, "/seven/key-value?do=keys").await?;
    assert_eq!(keys.as_array().map(Vec::len), Some(40), "{keys}");
    let told = refused(&host, "/seven/key-value?store=shared").await?;
    assert!(told.contains("AccessDenied"), "{told}");

    assert_eq!(asked(&host, "/seven/variables?name=greeting").await?, "Hello, Ada!");
    assert!(refused(&host, "/seven/variables?name=who").await?.contains("Undefined"));
    assert_eq!(
        asked(&host, "/seven/sqlite").await?,
        json!({ "columns": ["name", "wings"], "names": ["ada"] })
    );
    let answer = asked(&host, "/seven/llm?prompt=A%20heron").await?;
    assert!(answer["generated_tokens"].as_u64().is_some_and(|count| (1..=8).contains(&count)), "{answer}");
    let vectors = asked(&host, "/seven/embeddings?texts=A%20heron").await?;
    assert_eq!(vectors["embeddings"][0].as_array().map(Vec::len), Some(384));
    let chained = asked(&host, "/seven/chain?path=deep").await?;
    assert!(chained["body"].as_str().is_some_and(|body| body.starts_with("other: GET /deep")), "{chained}");
    Ok(())
}

#[tokio::test]
async fn the_next_wasi_reaches_what_is_granted_and_nothing_else() -> Result<()> {
    let (redis, upstream) = (Redis::start().await?, Upstream::start().await?);
    let spin = Spin::new()?
        .only(&["kitchen7", "other"])
        .variable("redis_port", &redis.port().to_string())
        .variable("upstream", &upstream.authority());
    let host = Host::spin(&spin, &Settings::new()?).await?;
    let answer = asked(&host, &format!("/seven/redis?address={}&prefix=b:", redis.url())).await?;
    assert_eq!(answer, json!({ "got": "Eureka!", "deleted": 1 }));
    let told = refused(&host, "/seven/redis?address=redis://127.0.0.1:1").await?;
    assert!(told.contains("InvalidAddress"), "{told}");

    let path = format!("/seven/fetch?url=http://{}/x", upstream.authority());
    assert_eq!(asked(&host, &path).await?["body"], "upstream: GET /x: ");
    let body = "heron ".repeat(20_000);
    let posted = Reply::of(host.client()?.request(Method::POST, &path).body(body.clone())).await?.body;
    assert_eq!(posted["body"], format!("upstream: POST /x: {body}"));
    let told = refused(&host, "/seven/fetch?url=http://127.0.0.1:1/").await?;
    assert!(told.contains("HttpRequestDenied"), "{told}");
    Ok(())
}
