//! What the host tells a component of its request, and no client can.

use super::{asked, kitchen};
use anyhow::{Context, Result};
use e2e::Reply;

#[tokio::test]
async fn a_component_is_told_its_route_and_where_in_it_the_request_is() -> Result<()> {
    let host = kitchen().await?;
    for (path, expected) in [
        (
            "/kitchen/a/b/?x=1",
            [
                ("spin-path-info", "/a/b/"),
                ("spin-matched-route", "/kitchen/..."),
                ("spin-raw-component-route", "/kitchen/..."),
                ("spin-component-route", "/kitchen"),
                ("spin-base-path", "/"),
            ],
        ),
        (
            "/users/7",
            [
                ("spin-path-info", ""),
                ("spin-matched-route", "/users/:user_id"),
                ("spin-raw-component-route", "/users/:user_id"),
                ("spin-component-route", "/users/:user_id"),
                ("spin-path-match-user-id", "7"),
            ],
        ),
    ] {
        let echo = asked(&host, path).await?;
        for (name, value) in expected {
            assert_eq!(echo["headers"][name], value, "{path} {name}: {echo}");
        }
        assert_eq!(echo["headers"]["spin-full-url"], format!("{}{path}", host.url()));
        let client = echo["headers"]["spin-client-addr"].as_str().context("no address")?;
        assert!(client.starts_with("127.0.0.1:"), "{client}");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_cannot_say_what_only_the_host_knows() -> Result<()> {
    let host = kitchen().await?;
    let lie = "http://lie.example/loop";
    let request = host.client()?.get("/kitchen/echo");
    let request =
        ["spin-path-info", "spin-full-url", "spin-matched-route", "spin-client-addr", "spin-base-path"]
            .into_iter()
            .fold(request, |request, name| request.header(name, lie));
    let request = request.header("Spin-Path-Match-Admin", "yes").header("SPIN-COMPONENT-ROUTE", lie);
    let echo = Reply::of(request).await?.body.to_string();
    assert!(echo.contains("\"spin-path-info\":\"/echo\""), "{echo}");
    assert!(!echo.contains("lie.example") && !echo.contains("spin-path-match-admin"), "{echo}");
    Ok(())
}
