//! Which component answers which path.

use super::{asked, kitchen};
use anyhow::Result;
use e2e::{Host, Reply};
use reqwest::StatusCode;

/// Whether the kitchen answers a path, or the other component does.
async fn kitchen_answers(host: &Host, path: &str) -> Result<bool> {
    let text = host.client()?.get(path).send().await?.text().await?;
    assert!(text.starts_with("other: ") || text.starts_with('{'), "{path}: {text}");
    Ok(text.starts_with('{'))
}

#[tokio::test]
async fn the_exact_route_wins_and_then_the_longest() -> Result<()> {
    let host = kitchen().await?;
    for (path, kitchen) in [
        ("/kitchen", true),
        ("/kitchen/anything/at/all", true),
        ("/kitchen/special", false),
        ("/kitchen/special/", false),
        ("/kitchen/special/below", true),
        ("/users/7", true),
        ("/users/ada", false),
    ] {
        assert_eq!(kitchen_answers(&host, path).await?, kitchen, "{path}");
    }
    for path in ["/", "/users", "/users/7/pictures", "/kitche", "/hidden", "/other", "/nowhere"] {
        let reply = Reply::of(host.client()?.get(path)).await?;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn static_responses_and_health_need_no_component() -> Result<()> {
    let host = kitchen().await?;
    let client = host.client()?;
    let teapot = client.get("/teapot").send().await?;
    assert_eq!(teapot.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(teapot.headers()["content-type"], "text/plain");
    assert_eq!(teapot.headers()["x-pot"], "brown");
    assert_eq!(teapot.text().await?, "short and stout");
    let empty = client.get("/empty").send().await?;
    assert_eq!((empty.status(), empty.text().await?.as_str()), (StatusCode::OK, ""));
    let health = client.get("/.well-known/spin/health").send().await?;
    assert_eq!((health.status(), health.text().await?.as_str()), (StatusCode::OK, "OK"));
    Ok(())
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() -> Result<()> {
    let host = kitchen().await?;
    let request = host.client()?.request("PROPFIND".parse()?, "/kitchen/echo/a%20b?x=1&y=%7C");
    let reply = Reply::of(request.header("x-mine", "mine").body("a body")).await?;
    let echo = reply.body;
    assert_eq!((reply.status, echo["method"].as_str()), (StatusCode::OK, Some("PROPFIND")));
    assert_eq!(echo["path"], "/kitchen/echo/a%20b");
    assert_eq!(echo["query"], "x=1&y=%7C");
    assert_eq!(echo["headers"]["x-mine"], "mine");
    assert_eq!(echo["body"], "a body");
    assert_eq!(asked(&host, "/kitchen/echo").await?["body"], "");
    Ok(())
}
