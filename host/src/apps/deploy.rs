//! Deployments: one component of an application is replaced by another while it serves.
//!
//! A request takes what serves once, when it begins, and ends with it. What cannot be deployed leaves everything as it
//! was, and says at which stage it ended. Not here: what is kept on the disk (`shelf`).

mod trial;

use super::{
    App, Apps, Canary, Config, Deploy,
    canary::Terms,
    component::MAX_SIZE,
    digest,
    generation::{Generation, Part, Record},
    laps::Laps,
    probe::Probe,
    refusal::{Refusal, Stage},
    shelf::Shelf,
    signature::Trusted,
    workshop::{Workshop, blocking},
};
use anyhow::{Context, bail, ensure};
use corral_telemetry::Metrics;
use corral_wasm::imports::Services;
use jiff::Timestamp;
use std::sync::Arc;

/// What is to be deployed.
pub struct Change {
    /// Which of the two components.
    pub part: Part,
    /// The component.
    pub bytes: Vec<u8>,
    /// SHA-256 in hexadecimal digits that it has to have.
    pub digest: Option<String>,
    /// Its signature, as minisign writes it.
    pub signature: Option<String>,
    /// Whether it is the file that the settings name.
    pub file: bool,
    /// As a canary, on these terms; none has it serve at once.
    pub canary: Option<Terms>,
    /// Who asks for it.
    pub by: String,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No application of that name is in the settings.
    #[error("no such application")]
    NoSuchApp,
    /// Another deployment of the application is under way. Worth a later try.
    #[error("another deployment of this application is under way")]
    Busy,
    /// What was to be deployed cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No generation of that number is kept, or none before the one that serves.
    #[error("{0}")]
    NoSuchGeneration(String),
    /// No canary is under way.
    #[error("there is no canary of this application")]
    NoCanary,
}

/// Who deploys. Clones share everything.
#[derive(Clone)]
pub struct Deployer(Arc<Inner>);

struct Inner {
    apps: Arc<Apps>,
    workshop: Arc<Workshop>,
    probe: Probe,
    settings: Deploy,
    metrics: Arc<Metrics>,
}

impl Deployer {
    /// Deploys to `apps`, whose turns are tried beside the models of `services`.
    pub async fn new(
        apps: Arc<Apps>,
        services: &Services,
        settings: Deploy,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let probe =
            Probe::open(services, &settings.folder).await.context("opening the rehearsal's stores")?;
        let workshop = apps.workshop().clone();
        let deployer = Self(Arc::new(Inner { apps, workshop, probe, settings, metrics }));
        deployer.watch_canaries();
        Ok(deployer)
    }

    /// The applications.
    pub fn apps(&self) -> &Apps {
        &self.0.apps
    }

    /// Replaces a component. Of two at once the second is refused.
    ///
    /// # Errors
    /// [`Error::NoSuchApp`], [`Error::Busy`], [`Error::Refused`].
    pub async fn deploy(&self, name: &str, change: Change) -> Result<Arc<Generation>, Error> {
        let (deployer, app) = (self.clone(), self.app(name)?.clone());
        to_its_end(async move {
            let mut shelf = app.shelf.try_lock().map_err(|_held| Error::Busy)?;
            Ok(deployer.told(&app, &mut shelf, change).await?)
        })
        .await
    }

    /// As [`deploy`](Self::deploy), after whatever is under way.
    pub(super) async fn deploy_next(
        &self,
        app: &Arc<App>,
        change: Change,
    ) -> Result<Arc<Generation>, Refusal> {
        let mut shelf = app.shelf.lock().await;
        self.told(app, &mut shelf, change).await
    }

    /// Has a kept generation serve again: `to`, or the one before that which serves.
    ///
    /// # Errors
    /// [`Error::NoSuchApp`], [`Error::Busy`], [`Error::NoSuchGeneration`], and [`Error::Refused`] if the disk does not
    /// take it.
    pub async fn roll_back(&self, name: &str, to: Option<u64>, by: &str) -> Result<Arc<Generation>, Error> {
        let (deployer, app, by) = (self.clone(), self.app(name)?.clone(), by.to_owned());
        to_its_end(async move {
            let returned = deployer.return_to(&app, to, &by).await;
            if let Err(error) = &returned {
                tracing::warn!(app = app.name(), to, by, cause = %error, "not rolled back");
            }
            returned
        })
        .await
    }

    async fn return_to(&self, app: &Arc<App>, to: Option<u64>, by: &str) -> Result<Arc<Generation>, Error> {
        let shelf = app.shelf.try_lock().map_err(|_held| Error::Busy)?;
        if let (None, Some(canary)) = (to, app.canary()) {
            self.end(app, &shelf, &canary, "rolled_back").await?;
            tracing::info!(app = app.name(), generation = canary.number(), by, "the canary was rolled back");
            return Ok(app.serving().generation().clone());
        }
        let (serving, kept) = (app.serving().generation().record().number, app.kept());
        let numbers: Vec<_> = kept.iter().map(|generation| generation.record().number).collect();
        let served = shelf.clone();
        let before = match to {
            Some(to) => Some(vec![to]),
            None => blocking(Stage::Record, move || Ok(served.before())).await?,
        };
        // Where an older host has not said what served, it was probably the one made before.
        let before = before.unwrap_or_else(|| numbers.iter().copied().filter(|&n| n < serving).collect());
        let wanted =
            before.into_iter().rev().filter(|&number| number != serving).find_map(|number| {
                kept.iter().find(|generation| generation.record().number == number).cloned()
            });
        let Some(generation) = wanted else {
            return Err(Error::NoSuchGeneration(match to {
                Some(to) if to == serving => format!("generation {to} serves already"),
                Some(to) => format!("generation {to} is not kept; there are {numbers:?}"),
                None => {
                    format!("nothing that served before generation {serving} is kept; there are {numbers:?}")
                }
            }));
        };
        let (number, shelf) = (generation.record().number, shelf.clone());
        blocking(Stage::Record, move || {
            shelf.end_canary()?;
            shelf.choose(number)
        })
        .await?;
        app.publish(generation.clone(), self.0.settings.drain);
        self.0.metrics.deployed(app.name(), "rolled_back");
        tracing::info!(app = app.name(), generation = number, instead_of = serving, by, "rolled back");
        Ok(generation)
    }

    fn app(&self, name: &str) -> Result<&Arc<App>, Error> {
        self.0.apps.iter().find(|app| app.name() == name).ok_or(Error::NoSuchApp)
    }

    async fn told(
        &self,
        app: &Arc<App>,
        shelf: &mut Shelf,
        change: Change,
    ) -> Result<Arc<Generation>, Refusal> {
        let (component, by) = (change.part.name(), change.by.clone());
        let outcome = if change.canary.is_some() { "canary" } else { "deployed" };
        let mut laps = Laps::begin();
        let replaced = self.replace(app, shelf, change, &mut laps).await;
        let outcome = replaced.as_ref().map_or_else(|refusal| refusal.stage.name(), |_| outcome);
        self.0.metrics.deployed(app.name(), outcome);
        for (stage, took) in laps.ended() {
            self.0.metrics.deployment_stage(app.name(), stage, took);
        }
        match &replaced {
            Ok(generation) => {
                let Record { number, .. } = generation.record();
                tracing::info!(app = app.name(), generation = number, component, by, outcome, "deployed");
            }
            Err(refusal) => {
                tracing::error!(app = app.name(), component, by, cause = %refusal, "not deployed");
            }
        }
        replaced
    }

    async fn replace(
        &self,
        app: &Arc<App>,
        shelf: &mut Shelf,
        change: Change,
        laps: &mut Laps,
    ) -> Result<Arc<Generation>, Refusal> {
        let Inner { workshop, probe, settings, .. } = &*self.0;
        let config = app.config().clone();
        let (change, found) =
            blocking(Stage::Verify, move || verify(&config, &change).map(|found| (change, found))).await?;
        laps.end(Stage::Verify);
        let base = app.serving().generation().record().clone();
        let Change { part, bytes, signature, file, canary, by, .. } = change;
        let parts = base.parts.with(part, found);
        let signatures = base.signatures.with(part, signature);
        let (other, shelf_now) = (part.other(), shelf.clone());
        let digest = parts.of(other).clone();
        let other = blocking(Stage::Compose, move || shelf_now.component(&digest)).await?;
        let (gateway, logic) = match part {
            Part::Gateway => (bytes, other),
            Part::Logic => (other, bytes),
        };
        let copies = (gateway.clone(), logic.clone());
        let built = workshop.build_bounded(app.config(), app.slots(), copies, laps).await?;
        let number = app.newest() + 1;
        let chosen = if file { shelf.clone().with_file(part, parts.of(part).clone()) } else { shelf.clone() };
        let record =
            Record { number, parts, signatures, settings: base.settings, made: Timestamp::now(), by };
        let generation = Generation::new(record, built.digest, built.program);
        if app.config().probe && app.config().logic.is_some() {
            probe.pass(&generation).await.map_err(Stage::Probe.refuse())?;
            laps.end(Stage::Probe);
        }
        self.record(&chosen, &generation, gateway, logic, canary.clone()).await?;
        laps.end(Stage::Record);
        *shelf = chosen;
        let served = shelf.before().unwrap_or_default();
        let one_went = app.keep(generation.clone(), settings.keep, &served);
        match canary {
            Some(terms) => self.try_out(app, Canary::begin(generation.clone(), terms, settings.guard)),
            None => app.publish(generation.clone(), settings.drain),
        }
        if one_went {
            self.tidy(app, shelf).await;
        }
        Ok(generation)
    }

    /// From here on the generation serves, or is on trial, after a restart too.
    async fn record(
        &self,
        shelf: &Shelf,
        generation: &Generation,
        gateway: Vec<u8>,
        logic: Vec<u8>,
        canary: Option<Terms>,
    ) -> Result<(), Refusal> {
        let (shelf, record) = (shelf.clone(), generation.record().clone());
        blocking(Stage::Record, move || {
            shelf.put(&record, &gateway, &logic)?;
            if let Some(terms) = canary {
                return shelf.try_out(record.number, &terms);
            }
            // What was on trial is so no more, also if the process is killed between the two.
            shelf.end_canary()?;
            shelf.choose(record.number)
        })
        .await
    }

    /// Removes what can no longer be returned to. What is left over is in nobody's way.
    async fn tidy(&self, app: &App, shelf: &Shelf) {
        let (shelf, kept) = (shelf.clone(), app.kept());
        let retain = move || {
            let kept: Vec<_> = kept.iter().map(|generation| generation.record()).collect();
            shelf.retain(&kept)
        };
        if let Err(error) = blocking(Stage::Record, retain).await {
            tracing::warn!(app = app.name(), %error, "old generations are still on the disk");
        }
    }
}

/// Does what must not end halfway when whoever asked for it leaves: on the disk one generation would serve, here another.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::spawn(work).await.context("the work was given up");
    ended.map_err(Stage::Record.refuse())?
}

/// The digest of what is to be deployed, if it is what it should be.
fn verify(config: &Config, change: &Change) -> anyhow::Result<String> {
    if change.part == Part::Logic && config.logic.is_none() {
        bail!("this application has no logic: its gateway is all of it");
    }
    if let Some(terms) = &change.canary {
        terms.check(config)?;
    }
    let size = change.bytes.len() as u64;
    ensure!(size > 0, "the component is empty");
    ensure!(size <= MAX_SIZE, "the component has {size} bytes, the limit is {MAX_SIZE}");
    let found = digest(&change.bytes);
    if let Some(wanted) = &change.digest
        && !found.eq_ignore_ascii_case(wanted.strip_prefix("sha256:").unwrap_or(wanted))
    {
        bail!("its digest is sha256:{found}, not {wanted}");
    }
    Trusted::new(&config.trusted_keys)?.check(&change.bytes, change.signature.as_deref())?;
    Ok(found)
}
