//! Replacing the chat logic: what it takes, and what those who talk notice of it.

use anyhow::{Context, Result, ensure};
use e2e::{Client, Host, Reply, Settings, parrot, statistics::quantile};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

const CLIENTS: usize = 4;
/// Between two requests of a client: a load that leaves room.
const PAUSE: Duration = Duration::from_millis(10);
const PERIOD: Duration = Duration::from_secs(8);
const ROUNDS: usize = 3;
const NEW: u32 = 5;
const STAGES: [&str; 6] = ["verify", "compose", "compile", "link", "probe", "record"];

/// A host, and who deploys to it.
struct Operated {
    host: Host,
    deployed: AtomicU32,
}

pub async fn compare() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let logic = folder.path().join("logic.wasm");
    fs::write(&logic, parrot(1)?)?;
    let settings = Settings::new()?.own_cache().set("apps.chat.logic", logic.display().to_string());
    let host = Host::with(settings.set("log.filter", "warn")).await?;
    let operated = Arc::new(Operated { host, deployed: AtomicU32::new(0) });
    deployments(&operated).await?;

    println!("answers of a logic that computes nothing, {CLIENTS} clients, ms:");
    let mut all: [Vec<f64>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (replaced, times) in all.iter_mut().enumerate() {
            let over = Arc::new(AtomicBool::new(replaced == 0));
            let deploying = tokio::spawn(replace(operated.clone(), over.clone()));
            times.extend(talk(&operated.host.client()?).await?);
            over.store(true, Relaxed);
            deploying.await??;
        }
    }
    let [quiet, replacing] = &all;
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        let of = |times| quantile(times, share).context("no answers");
        let (quiet, replacing) = (of(quiet)?, of(replacing)?);
        let ratio = replacing / quiet;
        println!("  {name:<6} {quiet:>8.2} undisturbed   {replacing:>8.2} while replaced   ratio {ratio:.2}");
    }
    let (answers, deployed) = (replacing.len(), operated.deployed.load(Relaxed));
    println!("  {answers} answers while {deployed} deployments were made, none failed");
    Ok(())
}

/// What single deployments take.
async fn deployments(operated: &Operated) -> Result<()> {
    let mut new = Vec::new();
    for number in 2..2 + NEW {
        new.push(operated.deploy(number).await?);
    }
    let stages_of_new = operated.stages().await?;
    let (mut known, mut back) = (Vec::new(), Vec::new());
    for number in 2..2 + NEW {
        known.push(operated.deploy(number).await?);
        back.push(operated.ask("rollback", Vec::new()).await?);
    }
    let stages_of_all = operated.stages().await?;
    println!("deployments, ms, medians of {NEW}:");
    for (name, times) in
        [("a new component", new), ("one that was compiled before", known), ("a rollback", back)]
    {
        println!("  {name:<30} {:>8.1}", quantile(&times, 0.5).context("no deployments")?);
    }
    println!("  {:<30} {:>8} {:>16}", "their stages, on average", "new", "compiled before");
    for ((stage, new), all) in STAGES.iter().zip(stages_of_new).zip(stages_of_all) {
        let (new, known) = (new / f64::from(NEW), (all - new) / f64::from(NEW));
        println!("    {stage:<28} {new:>8.1} {known:>16.1}");
    }
    Ok(())
}

/// Replaces one parrot by the other until it is over.
async fn replace(operated: Arc<Operated>, over: Arc<AtomicBool>) -> Result<()> {
    for number in [2, 3].into_iter().cycle() {
        if over.load(Relaxed) {
            break;
        }
        operated.deploy(number).await?;
        operated.deployed.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// Milliseconds of each answer of a period.
async fn talk(client: &Client) -> Result<Vec<f64>> {
    let until = Instant::now() + PERIOD;
    let talking = (0..CLIENTS).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < until {
                let asked = Instant::now();
                let reply = Reply::of(client.post("/api/v1/chat/chat/text", &question())).await?;
                ensure!(reply.status == StatusCode::OK, "{} {}", reply.status, reply.body);
                times.push(asked.elapsed().as_secs_f64() * 1e3);
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(times)
        })
    });
    let mut all = Vec::new();
    for times in talking.collect::<Vec<_>>() {
        all.extend(times.await??);
    }
    Ok(all)
}

fn question() -> Value {
    json!({ "session_id": "2f1b6a0e-0000-4000-8000-000000000000", "message": "Hello" })
}

impl Operated {
    async fn deploy(&self, number: u32) -> Result<f64> {
        self.ask("deploy", parrot(number)?).await
    }

    /// Milliseconds that each stage has taken since the start, of all deployments together.
    async fn stages(&self) -> Result<[f64; STAGES.len()]> {
        let mut all = [0.0; STAGES.len()];
        for (sum, stage) in all.iter_mut().zip(STAGES) {
            let name =
                format!("corral_deployment_stage_duration_seconds_sum{{app=\"chat\",stage=\"{stage}\"}}");
            *sum = self.host.metric(&name).await?.with_context(|| format!("no stage {stage}"))? * 1e3;
        }
        Ok(all)
    }

    /// Has it done, and gives the milliseconds that it took.
    async fn ask(&self, action: &str, body: Vec<u8>) -> Result<f64> {
        let request = self.host.admin()?.request(Method::POST, &format!("/apps/chat/{action}"));
        let begun = Instant::now();
        let reply = Reply::of(request.bearer_auth(self.host.token()?).body(body)).await?;
        ensure!(reply.status == StatusCode::OK, "{action}: {} {}", reply.status, reply.body);
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }
}
