//! A generation is tried with a share of the requests.

use super::{GENERATION, corral, deployed, operate, serving, settings, state, streamed, who};
use anyhow::{Context, Result, ensure};
use e2e::{Client, Host, Reply, Settings, bad_parrot, parrot, until};
use futures_util::future::try_join_all;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;
use tokio::net::TcpStream;

/// Sessions that are asked, for the share that a canary gets of them.
const SESSIONS: u32 = 400;

fn body(session: u32, message: &str) -> Value {
    json!({ "session_id": format!("2f1b6a0e-0000-4000-8000-{session:012}"), "message": message })
}

/// Which parrot answers a session.
async fn asked(client: &Client, session: u32) -> Result<u32> {
    let reply = Reply::of(client.post("/api/v1/chat/chat/text", &body(session, "Hello"))).await?;
    ensure!(reply.status == StatusCode::OK, "{} {}", reply.status, reply.body);
    who(reply.body["response"].as_str().context("no response")?)
}

/// Which sessions the second parrot answers.
async fn taken(host: &Host) -> Result<Vec<bool>> {
    let client = host.client()?;
    let mut taken = Vec::new();
    for some in (0..SESSIONS).collect::<Vec<_>>().chunks(20) {
        let answers = try_join_all(some.iter().map(|session| asked(&client, *session))).await?;
        taken.extend(answers.into_iter().map(|parrot| parrot == 2));
    }
    Ok(taken)
}

async fn tried(host: &Host, terms: &str, bytes: Vec<u8>) -> Result<()> {
    let reply = operate(host, Method::POST, &format!("/apps/chat/deploy?{terms}"), bytes).await?;
    ensure!(reply.status == StatusCode::OK, "{} {}", reply.status, reply.body);
    Ok(())
}

/// A host with the first parrot, and the folder of its logic.
async fn hosted(change: impl FnOnce(Settings) -> Settings) -> Result<(Host, TempDir)> {
    let folder = tempfile::tempdir()?;
    let settings = change(settings(&folder.path().join("logic.wasm"))?);
    Ok((Host::with(settings).await?, folder))
}

/// Whether a share is `percent`, within five standard errors.
fn is_about(taken: &[bool], percent: f64) -> bool {
    let share = 100.0 * taken.iter().filter(|taken| **taken).count() as f64 / f64::from(SESSIONS);
    (share - percent).abs() < 5.0 * (percent * (100.0 - percent) / f64::from(SESSIONS)).sqrt()
}

#[tokio::test]
async fn a_canary_answers_its_share_and_each_session_stays_with_one() -> Result<()> {
    let (host, _folder) = hosted(|settings| settings).await?;
    tried(&host, "weight=30", parrot(2)?).await?;
    let first = taken(&host).await?;
    assert!(is_about(&first, 30.0), "{first:?}");
    assert_eq!(taken(&host).await?, first, "a session went from one to the other");
    assert_eq!(host.metric("corral_app_canary_generation{app=\"chat\"}").await?, Some(2.0));
    let told = &state(&host).await?["generations"][1];
    assert_eq!((&told["state"], &told["canary"]["weight"]), (&json!("canary"), &json!(30.0)));

    operate(&host, Method::POST, "/apps/chat/canary?weight=60", Vec::new()).await?;
    let more = taken(&host).await?;
    assert!(is_about(&more, 60.0), "{more:?}");
    assert!(first.iter().zip(&more).all(|(before, now)| *now || !before), "a session was sent back");

    operate(&host, Method::POST, "/apps/chat/promote", Vec::new()).await?;
    assert!(taken(&host).await?.iter().all(|taken| *taken));
    let generations = state(&host).await?["generations"].clone();
    assert_eq!((&generations[0]["state"], &generations[1]["state"]), (&json!("kept"), &json!("serving")));
    Ok(())
}

#[tokio::test]
async fn a_header_leads_to_a_canary_that_has_no_share() -> Result<()> {
    let (host, _folder) = hosted(|settings| settings).await?;
    tried(&host, "header=X-API-Key%3A%20ours", parrot(2)?).await?;
    let client = host.client()?;
    let ask = |key: &'static str| {
        let request = client.post("/api/v1/chat/chat/text", &body(1, "Hello")).header("x-api-key", key);
        async { anyhow::Ok(Reply::of(request).await?.header(GENERATION).map(str::to_owned)) }
    };
    assert_eq!(ask("ours").await?.as_deref(), Some("2"));
    assert_eq!(ask("theirs").await?.as_deref(), Some("1"));
    let told = state(&host).await?;
    assert_eq!(told["generations"][1]["canary"]["header"], "x-api-key");
    assert!(!told.to_string().contains("ours") && !host.log()?.contains("ours"), "it is someone's key");
    Ok(())
}

#[tokio::test]
async fn a_canary_outlives_a_restart_and_ends_when_it_is_rolled_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // As few as there can be: the one on trial is kept beside the one that serves.
    let settings = settings(&folder.path().join("logic.wasm"))?.set("deploy.keep", 1);
    let host = Host::with(settings.clone()).await?;
    tried(&host, "weight=50", parrot(2)?).await?;
    let before = taken(&host).await?;
    let host = Host::within(host.kill().await?, &settings).await?;
    assert_eq!(taken(&host).await?, before);

    let ended = operate(&host, Method::POST, "/apps/chat/rollback", Vec::new()).await?;
    assert_eq!(ended.status, StatusCode::OK, "{}", ended.body);
    assert!(taken(&host).await?.iter().all(|taken| !taken));
    let again = operate(&host, Method::POST, "/apps/chat/promote", Vec::new()).await?;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "{}", again.body);
    let host = Host::within(host.kill().await?, &settings).await?;
    assert!(taken(&host).await?.iter().all(|taken| !taken), "what was ended is not tried again");
    Ok(())
}

#[tokio::test]
async fn a_stream_of_a_canary_is_its_own_to_the_end() -> Result<()> {
    let (host, _folder) = hosted(|settings| settings).await?;
    for end in ["promote", "rollback"] {
        tried(&host, "weight=100", parrot(2)?).await?;
        let stream = host.client()?;
        let mut events = stream.stream(&body(1, "Say it slowly")).await?;
        let mut heard = vec![events.next().await?.context("no event")?];
        let ended = operate(&host, Method::POST, &format!("/apps/chat/{end}"), Vec::new()).await?;
        assert_eq!(ended.status, StatusCode::OK, "{}", ended.body);
        while let Some(event) = events.next().await? {
            heard.push(event);
        }
        assert_eq!(who(&streamed(&heard)?)?, 2, "after {end}");
    }
    Ok(())
}

#[tokio::test]
async fn a_canary_that_fails_is_ended_by_itself() -> Result<()> {
    // The rehearsal would not let it pass.
    let (host, _folder) = hosted(|settings| settings.set("apps.chat.probe", false)).await?;
    tried(&host, "weight=20", bad_parrot("traps")?).await?;
    let client = host.client()?;
    let mut failed = 0;
    for session in 0..SESSIONS {
        let reply = Reply::of(client.post("/api/v1/chat/chat/text", &body(session, "Hello"))).await?;
        failed += u32::from(reply.status == StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert!((3..20).contains(&failed), "{failed} requests failed");
    until("the canary is ended", async || Ok(state(&host).await?["note"].is_string())).await?;
    let told = state(&host).await?;
    assert!(told["note"].as_str().is_some_and(|note| note.contains("requests failed")), "{told}");
    assert_eq!(told["generations"][1]["state"], "kept");
    assert!(taken(&host).await?.iter().all(|taken| !taken));
    let guarded = host.metric("corral_deployments_total{app=\"chat\",outcome=\"guarded\"}").await?;
    assert_eq!(guarded, Some(1.0));
    // Who returns from what is deployed next returns to what served, not to what was tried and failed.
    assert_eq!(deployed(&host, parrot(3)?).await?, 3);
    let returned = operate(&host, Method::POST, "/apps/chat/rollback", Vec::new()).await?;
    assert_eq!(serving(&returned.body["apps"][0])?, 1, "{}", returned.body);
    Ok(())
}

#[tokio::test]
async fn a_canary_whose_streams_break_off_is_ended_by_itself() -> Result<()> {
    let (host, _folder) = hosted(|settings| settings.set("apps.chat.probe", false)).await?;
    tried(&host, "weight=20", bad_parrot("fails")?).await?;
    let client = host.client()?;
    let mut failed = 0;
    for session in 0..SESSIONS {
        let stream = client.post("/api/v1/chat/chat/stream", &body(session, "Hello")).send().await?;
        ensure!(stream.status() == StatusCode::OK, "{}", stream.status());
        let text = stream.text().await?;
        failed += u32::from(text.contains("event: error\n"));
    }
    assert!((3..20).contains(&failed), "{failed} streams failed");
    until("the canary is ended", async || Ok(state(&host).await?["note"].is_string())).await?;
    let told = state(&host).await?;
    assert!(told["note"].as_str().is_some_and(|note| note.contains("requests failed")), "{told}");
    let sample = "corral_request_failures_total{app=\"chat\",kind=\"failed_stream\"}";
    assert_eq!(host.metric(sample).await?, Some(f64::from(failed)));
    Ok(())
}

#[tokio::test]
async fn a_client_hears_of_a_failing_stream_in_its_events_alone() -> Result<()> {
    let (host, _folder) = hosted(|settings| settings.set("apps.chat.probe", false)).await?;
    tried(&host, "weight=100", bad_parrot("fails")?).await?;
    // Over HTTP/2 a client gets whatever trailers there are.
    let socket = TcpStream::connect(host.url().trim_start_matches("http://")).await?;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let request = Request::post(format!("{}/api/v1/chat/chat/stream", host.url()))
        .header("content-type", "application/json")
        .body(body(1, "Hello").to_string())?;
    let answer = sender.send_request(request).await?.into_body().collect().await?;
    let trailers = answer.trailers().cloned().unwrap_or_default();
    assert!(trailers.is_empty(), "{trailers:?}");
    let text = String::from_utf8(answer.to_bytes().to_vec())?;
    assert!(text.contains("event: error\n"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_canary_that_is_as_good_is_left_alone_whatever_clients_do_wrong() -> Result<()> {
    let (host, _folder) = hosted(|settings| settings).await?;
    tried(&host, "weight=50", parrot(2)?).await?;
    let client = host.client()?;
    for session in 0..SESSIONS {
        asked(&client, session).await?;
        let refused = Reply::of(client.post("/api/v1/chat/chat/text", &body(session, ""))).await?;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let canary = &state(&host).await?["generations"][1];
    assert_eq!((&canary["state"], &canary["canary"]["failed"]), (&json!("canary"), &json!(0)));
    let counted = |name: &str| canary["canary"][name].as_u64().unwrap_or_default();
    assert_eq!(counted("answered") + counted("serving_answered"), 2 * u64::from(SESSIONS));
    Ok(())
}

#[tokio::test]
async fn the_command_line_tries_changes_and_promotes() -> Result<()> {
    let (host, folder) = hosted(|settings| settings).await?;
    let file = folder.path().join("two.wasm").display().to_string();
    fs::write(&file, parrot(2)?)?;
    let told = corral(&host, &["deploy", "chat", &file, "--canary", "2.5"]).await?;
    assert!(told.contains("canary") && told.contains("2.5 % of the sessions"), "{told}");
    let told = corral(&host, &["canary", "chat", "--weight", "10", "--header", "x-beta: yes"]).await?;
    assert!(told.contains("10 % of the sessions, and requests by their x-beta"), "{told}");
    let told = corral(&host, &["promote", "chat"]).await?;
    assert!(told.contains("2  serving") && !told.contains("% of"), "{told}");
    Ok(())
}
