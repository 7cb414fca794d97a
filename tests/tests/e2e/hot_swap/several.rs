//! Several applications in one host, each under its own route or host name, each replaced by itself.

use super::{GENERATION, ask, asked, operate, settings, who};
use anyhow::{Context, Result};
use e2e::{Host, Reply, parrot, root};
use reqwest::{Method, StatusCode, header::HOST};
use std::fs;

#[tokio::test]
async fn applications_are_told_apart_by_path_and_host_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut settings = settings(&folder.path().join("logic.wasm"))?;
    let gateway = root().join("target/wasm32-wasip2/component/corral_gateway.wasm");
    for (number, name, key, value) in
        [(20, "birds", "route", "/birds"), (30, "named", "host", "birds.example")]
    {
        let logic = folder.path().join(format!("{name}.wasm"));
        fs::write(&logic, parrot(number)?)?;
        settings = settings
            .set(&format!("apps.{name}.gateway"), gateway.display().to_string())
            .set(&format!("apps.{name}.logic"), logic.display().to_string())
            .set(&format!("apps.{name}.{key}"), value)
            .set(&format!("apps.{name}.limits.instances"), 8);
        for (part, grants) in [
            ("gateway", vec!["sessions", "vectors", "embedding", "inference", "config"]),
            ("logic", vec!["inference"]),
        ] {
            settings = settings.set(&format!("apps.{name}.grants.{part}"), grants);
        }
    }
    let host = Host::with(settings).await?;
    let client = host.client()?;
    let heard = async |path: &str, name: &str| {
        let request = client.post(path, &asked("Hello")).header(HOST, name);
        let reply = Reply::of(request).await?;
        let generation = reply.header(GENERATION).context("no generation")?.to_owned();
        anyhow::Ok((who(reply.body["response"].as_str().context("no response")?)?, generation))
    };
    let everywhere = "/api/v1/chat/chat/text";
    assert_eq!(heard(everywhere, "localhost").await?, (1, "1".to_owned()));
    assert_eq!(heard("/birds/api/v1/chat/chat/text", "localhost").await?, (20, "1".to_owned()));
    assert_eq!(heard(everywhere, "Birds.Example:80").await?, (30, "1".to_owned()));

    let replaced = operate(&host, Method::POST, "/apps/birds/deploy", parrot(21)?).await?;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.body);
    assert_eq!(heard("/birds/api/v1/chat/chat/text", "localhost").await?, (21, "2".to_owned()));
    assert_eq!(ask(&host).await?, (1, 1), "the others are as they were");
    assert_eq!(heard(everywhere, "birds.example").await?, (30, "1".to_owned()));
    Ok(())
}
