//! From settings to a serving host, and back to nothing.
//!
//! The listeners answer health checks from the first moment; requests are let in when models,
//! stores and applications are there.
//!
//! Not here: what each part does.

mod descriptors;
mod stores;
mod sweep;

use crate::{
    apps::{Apps, Backing, Deployer, OWN, shadow, watch},
    config::{self, Config},
    server::{Door, Server, Stop, hosted, site::Site},
};
use anyhow::Context;
use corral_inference::Models;
use corral_telemetry::{self as telemetry, Metrics};
use corral_wasm::{
    guest::{self, engine::Room},
    imports::Services,
    spin,
};
use std::{
    io::{self, Write},
    sync::{Arc, OnceLock},
    time::Duration,
};
use stores::Opened;
use tokio::task::{JoinHandle, spawn_blocking};

/// What guests, and turns that wait for the session store, may take after the last answer has gone out.
const TIDYING: Duration = Duration::from_secs(2);

/// Serves until told to stop: the applications of the settings, or one that was written for Spin.
pub async fn run(mut config: Config, spin: Option<spin::Application>) -> anyhow::Result<()> {
    telemetry::log::start(&config.log, config::colors())?;
    config.server.max_connections = descriptors::for_connections(config.server.max_connections);
    let metrics = Arc::new(Metrics::new());
    let stop = Stop::on_signals()?;
    tokio::spawn(insist(stop.clone()));
    let server = Server::bind(&config.server, &config.admin, metrics.clone(), stop.clone()).await?;
    let ready = format!("ready http://{} admin http://{}", server.address(), server.admin_address());
    let (door, operated, deployed) = (server.door(), server.models(), server.deployer());
    let serving = tokio::spawn(server.run());

    let loaded = tokio::select! {
        loaded = load(config, spin.as_ref(), &door, &operated, &metrics) => loaded,
        () = stop.draining() => {
            serving.await?;
            end_models(&operated).await;
            return Ok(());
        }
    };
    let host = match loaded {
        Ok(host) => host,
        Err(error) => {
            stop.now();
            serving.await?;
            end_models(&operated).await;
            return Err(error);
        }
    };
    let (apps, backing) = (host.apps.clone(), host.backing.clone());
    door.open(match spin {
        Some(application) => Site::new(application, apps, host.own.clone()).router(),
        None => hosted::router(apps, backing),
    });
    deployed.get_or_init(|| host.deployer.clone());
    writeln!(io::stdout(), "{ready}").context("printing the ready line")?;

    let mut aside = watch::start(&host.deployer);
    aside.push(tokio::spawn(sweep::expired(host.backing.clone())));
    serving.await?;
    aside.iter().for_each(JoinHandle::abort);
    host.end().await;
    Ok(())
}

/// Ends the process if a second signal finds it in what cannot be interrupted, such as a compilation.
async fn insist(stop: Stop) {
    stop.insisted().await;
    // A thread, since the runtime ends before what it waits for does. SIGKILL, since other ways to end would take
    // down what llama.cpp's threads still use.
    let kill = || {
        std::thread::sleep(TIDYING);
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
    };
    if let Err(error) = std::thread::Builder::new().name("insist".into()).spawn(kill) {
        tracing::error!(%error, "what is under way ends first");
    }
}

/// Ends engines that may still be loading: a thread in llama.cpp must not outlive what the process's exit takes down.
async fn end_models(models: &OnceLock<Models>) {
    if let Some(models) = models.get() {
        models.stop().await;
    }
}

/// Everything that was loaded.
struct Host {
    apps: Arc<Apps>,
    backing: Arc<Backing>,
    /// With the host's own stores.
    own: Arc<Services>,
    models: Models,
    deployer: Deployer,
    /// Counts the epochs of every guest, so it has to live as long as they do.
    _wasm: guest::Engine,
}

impl Host {
    /// Ends the engines' threads once the last guests are done and the last turns are stored.
    async fn end(self) {
        let guests = || self.apps.iter().map(|app| app.slots().taken()).sum::<u32>();
        let turns = || self.backing.waiting_turns();
        let tidied = async {
            while guests() > 0 || turns() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(TIDYING, tidied).await.is_err() {
            tracing::warn!(
                guests = guests(),
                turns = turns(),
                "not finished or not stored in time, and given up"
            );
        }
        self.models.stop().await;
    }
}

async fn load(
    config: Config,
    spin: Option<&spin::Application>,
    door: &Arc<Door>,
    operated: &OnceLock<Models>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Host> {
    // The models load on threads of their own while everything else does here.
    let needed = spin.is_none_or(spin::Application::uses_models);
    let models = match needed {
        true => Models::start(config.inference.clone()).context("starting the inference engines")?,
        false => Models::none(),
    };
    hosted::watch_models(door, metrics, &models);
    operated.get_or_init(|| models.clone());
    let deploy = config.deploy.clone();
    let apps = applications(config.clone());
    let stores = tokio::spawn(stores::open(config, needed, door.clone()));
    let (apps, stores) = (apps.await?, stores.await?);
    let (wasm, apps) = apps?;
    let (stores, embedder) = stores?;
    models.ready().await.context("loading the models")?;

    let apps = Arc::new(apps);
    hosted::watch_apps(metrics, apps.clone());
    let (web, calls) = (guest::Web::new()?, metrics.calls().clone());
    let services = |Opened { label, sessions, vectors }| {
        let (embedder, models, web, calls) = (embedder.clone(), models.clone(), web.clone(), calls.clone());
        Services { label, sessions, vectors, embedder, models, web, calls }
    };
    let backing = Arc::new(Backing::new(stores.into_iter().map(services)));
    let own = backing.labelled(OWN).context("the host's own stores are missing")?.clone();
    hosted::watch_turns(metrics, backing.clone());
    let deployer = Deployer::new(apps.clone(), &own, deploy, metrics.clone()).await?;
    Ok(Host { apps, backing, own, models, deployer, _wasm: wasm })
}

fn applications(config: Config) -> JoinHandle<anyhow::Result<(guest::Engine, Apps)>> {
    spawn_blocking(move || {
        // Some more of each: for trying what is deployed, and for canaries in the shadow.
        let instances =
            config.apps.values().map(|app| app.limits.instances.saturating_add(1 + shadow::AT_ONCE)).sum();
        let components = config.apps.values().map(crate::apps::Config::components).max().unwrap_or(2);
        let wasm = guest::Engine::new(Room { instances, components }, config.wasm.warm())?;
        let apps =
            Apps::load(&config.apps, &config.deploy, &wasm, (&config.wasm.cache, config.wasm.cache_limit))?;
        Ok((wasm, apps))
    })
}
