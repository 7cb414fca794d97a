//! What cannot be deployed is refused with the reason, and those who talk do not notice.

use super::{ask, asked, deploy, deployed, operate, settings};
use anyhow::{Context, Result, ensure};
use e2e::{Host, Reply, bad_parrot, parrot, parrot_of, root};
use reqwest::{Method, StatusCode};
use std::fs;

fn component(name: &str) -> Result<Vec<u8>> {
    let path = root().join("target/wasm32-wasip2/component").join(name);
    fs::read(&path).with_context(|| format!("{}: run `make guests`", path.display()))
}

#[tokio::test]
async fn what_is_wrong_is_refused_at_its_stage_and_the_old_one_serves() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = settings(&folder.path().join("logic.wasm"))?
        .set("apps.chat.grants.logic", vec!["inference"])
        .set("deploy.compile_timeout", "20s");
    let host = Host::with(settings).await?;
    let half = parrot(2)?[..20_000].to_vec();
    let deploy_as = async |query: &str, bytes| {
        operate(&host, Method::POST, &format!("/apps/chat/deploy?{query}"), bytes).await
    };
    for (what, reply, said) in [
        ("half written", deploy(&host, half).await?, "compose: "),
        ("not wasm", deploy(&host, b"hello".to_vec()).await?, "compose: "),
        ("a core module", deploy(&host, b"\0asm\x01\0\0\0".to_vec()).await?, "compose: "),
        ("the wrong world", deploy(&host, component("corral_gateway.wasm")?).await?, "compose: "),
        ("over-granted", deploy(&host, component("corral_chat.wasm")?).await?, "is not granted: add"),
        ("another digest", deploy_as("digest=sha256:00", parrot(2)?).await?, "verify: its digest is sha256:"),
        (
            "a gateway without the chat routes",
            deploy_as("component=gateway", component("hostile.wasm")?).await?,
            "probe: ",
        ),
        ("no gateway", deploy_as("component=gateway", parrot(2)?).await?, "compose: "),
    ] {
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}: {}", reply.body);
        assert!(detail.contains(said), "{what}: {detail}");
        assert_eq!(ask(&host).await?, (1, 1), "after {what}");
    }
    let large = deploy(&host, vec![0; (64 << 20) + 1]).await?;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let nowhere = operate(&host, Method::POST, "/apps/other/deploy", parrot(2)?).await?;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert_eq!(deployed(&host, parrot(2)?).await?, 2, "refusals use up no numbers");
    assert_eq!(ask(&host).await?, (2, 2));
    let refused = "corral_deployments_total{app=\"chat\",outcome=\"compose\"}";
    assert_eq!(host.metric(refused).await?, Some(6.0));
    assert!(host.log()?.contains("\"message\":\"not deployed\""));
    Ok(())
}

#[tokio::test]
async fn another_version_of_the_contract_is_taken_if_it_is_compatible_and_else_refused_by_name() -> Result<()>
{
    let folder = tempfile::tempdir()?;
    let host = Host::with(settings(&folder.path().join("logic.wasm"))?).await?;
    assert_eq!(deployed(&host, parrot_of("0.1.9")?).await?, 2);
    assert_eq!(ask(&host).await?, (2, 1));
    for version in ["0.2.0", "1.0.0"] {
        let refused = deploy(&host, parrot_of(version)?).await?;
        let detail = refused.body["detail"].as_str().unwrap_or_default();
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{detail}");
        assert!(detail.contains(&format!("@{version}")), "{detail}");
    }
    assert_eq!(ask(&host).await?, (2, 1));
    Ok(())
}

#[tokio::test]
async fn bad_logic_fails_the_rehearsal_or_without_one_its_own_requests() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = settings(&folder.path().join("logic.wasm"))?
        .set("apps.chat.limits.cpu", "300ms")
        .set("apps.chat.limits.memory", "16 MiB");
    let host = Host::with(settings.clone()).await?;
    let tempers = [
        ("loops", "the component used up its processor time"),
        ("grows", "the component wanted more memory than its limit"),
        ("traps", "the component failed"),
        ("mute.", "the response is empty"),
    ];
    for (temper, said) in tempers {
        let reply = deploy(&host, bad_parrot(temper)?).await?;
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{temper}: {}", reply.body);
        assert!(detail.starts_with("probe: ") && detail.contains(said), "{temper}: {detail}");
        assert_eq!(ask(&host).await?, (1, 1), "after {temper}");
    }
    drop(host);

    let host = Host::with(settings.set("apps.chat.probe", false)).await?;
    for (generation, (temper, _)) in (2..).step_by(2).zip(&tempers[..3]) {
        assert_eq!(deployed(&host, bad_parrot(temper)?).await?, generation);
        let broken = Reply::of(host.client()?.post("/api/v1/chat/chat/text", &asked("Hello"))).await?;
        assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR, "{temper}");
        assert_eq!(deployed(&host, parrot(2)?).await?, generation + 1);
        assert_eq!(ask(&host).await?, (generation + 1, 2), "after {temper}");
    }
    Ok(())
}

#[tokio::test]
async fn what_takes_too_much_to_compile_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (setting, value, said) in [
        ("deploy.compile_timeout", "1ms", "compiling took longer than 1ms"),
        ("deploy.compile_memory", "64 MiB", "(deploy.compile_memory)"),
    ] {
        let host = Host::with(settings(&folder.path().join("logic.wasm"))?.set(setting, value)).await?;
        let reply = deploy(&host, parrot(2)?).await?;
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.body);
        assert!(detail.starts_with("compile: ") && detail.contains(said), "{detail}");
        assert_eq!(ask(&host).await?, (1, 1));
    }
    Ok(())
}

#[tokio::test]
async fn of_two_deployments_at_once_the_second_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::with(settings(&folder.path().join("logic.wasm"))?).await?;
    let both = tokio::try_join!(deploy(&host, parrot(2)?), deploy(&host, parrot(3)?))?;
    let (first, second) = if both.0.status == StatusCode::OK { both } else { (both.1, both.0) };
    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::CONFLICT));
    assert_eq!(ask(&host).await?.0, 2);
    Ok(())
}

#[tokio::test]
async fn a_rehearsal_waits_for_nobody() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = settings(&folder.path().join("logic.wasm"))?.set("apps.chat.limits.instances", 1);
    let host = Host::with(settings).await?;
    let mut endless = host.client()?.stream(&asked("never")).await?;
    endless.next().await?.context("no beginning")?;
    assert_eq!(deployed(&host, parrot(2)?).await?, 2);
    drop(endless);
    assert_eq!(ask(&host).await?, (2, 2));
    Ok(())
}

#[tokio::test]
async fn nobody_deploys_without_the_token() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::with(settings(&folder.path().join("logic.wasm"))?).await?;
    for (method, path) in
        [(Method::GET, "/apps"), (Method::POST, "/apps/chat/deploy"), (Method::POST, "/apps/chat/rollback")]
    {
        let admin = host.admin()?;
        let without = Reply::of(admin.request(method.clone(), path).body(parrot(2)?)).await?;
        assert_eq!(without.status, StatusCode::UNAUTHORIZED, "{path}");
        let wrong = Reply::of(admin.request(method.clone(), path).bearer_auth("guess")).await?;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{path}");
        let public = host.client()?.request(method, path).bearer_auth(host.token()?);
        assert_eq!(Reply::of(public).await?.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(ask(&host).await?, (1, 1));
    Ok(())
}

#[tokio::test]
async fn what_outlasts_the_drain_is_ended_and_nothing_else_is() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = settings(&folder.path().join("logic.wasm"))?.set("deploy.drain", "500ms");
    let host = Host::with(settings).await?;
    let mut endless = host.client()?.stream(&asked("never")).await?;
    let mut slow = host.client()?.stream(&asked("slowly")).await?;
    endless.next().await?.context("no beginning")?;
    assert_eq!(deployed(&host, parrot(2)?).await?, 2);
    assert_eq!(ask(&host).await?, (2, 2));
    let mut heard = Vec::new();
    while let Some(event) = slow.next().await? {
        heard.push(event);
    }
    assert_eq!(super::who(&super::streamed(&heard)?)?, 1, "it had the time to finish");
    while let Ok(Some(event)) = endless.next().await {
        ensure!(event.name != "done", "it came to an end");
    }
    host.until_metric("corral_app_draining_generations", 0.0).await?;
    host.until_metric("corral_guest_instances{app=\"chat\"}", 0.0).await?;
    assert!(host.log()?.contains("ending what is not finished in time"));
    Ok(())
}
