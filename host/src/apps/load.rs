//! The generations that a host starts with: what was deployed last, or what the settings name.

use super::{
    App, Canary, Config, Deploy, Route,
    canary::Terms,
    component, digest,
    generation::{Generation, Part, Parts, Record},
    refusal::Refusal,
    settings,
    shelf::Shelf,
    signature::{self, Trusted},
    workshop::Workshop,
};
use anyhow::{Context, bail};
use corral_wasm::guest::{engine::MAX_MEMORY, slots::Slots};
use jiff::Timestamp;
use std::{path::Path, sync::Arc};

/// Who made the generation of the files that the settings name.
const SETTINGS: &str = "settings";

/// The components that the settings name.
struct Files {
    gateway: Vec<u8>,
    logic: Vec<u8>,
    parts: Parts,
    signatures: Parts<Option<String>>,
}

/// What one application's generations are made with.
struct Loader<'a> {
    name: &'a str,
    config: &'a Config,
    workshop: &'a Workshop,
    trusted: Trusted,
    slots: Arc<Slots>,
    shelf: Shelf,
    /// SHA-256 of the settings that generations depend on.
    settings: String,
}

/// A generation before it is built.
struct Plan {
    record: Record,
    gateway: Vec<u8>,
    logic: Vec<u8>,
}

/// An application with the generation that serves and those that are kept.
pub(super) fn load(
    name: &str,
    config: &Config,
    workshop: &Workshop,
    deploy: &Deploy,
) -> anyhow::Result<Arc<App>> {
    let load = || {
        let files = Files::read(config)?;
        Loader::new(name, config, workshop, deploy, &files)?.app(files, deploy)
    };
    load().with_context(|| format!("loading {}", config.place(name)))
}

impl<'a> Loader<'a> {
    fn new(
        name: &'a str,
        config: &'a Config,
        workshop: &'a Workshop,
        deploy: &Deploy,
        files: &Files,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            name,
            config,
            workshop,
            trusted: Trusted::new(&config.trusted_keys)?,
            slots: Arc::new(Slots::new(config.limits.instances, config.limits.wait)),
            shelf: Shelf::open(&deploy.folder, name, files.parts.clone())?,
            settings: digest(&serde_json::to_vec(&(&config.grants, &config.config))?),
        })
    }

    fn app(self, files: Files, deploy: &Deploy) -> anyhow::Result<Arc<App>> {
        let keep = deploy.keep;
        let records = self.shelf.records()?;
        let newest = records.last().map_or(0, |record| record.number);
        let plan = match self.deployed() {
            Some(plan) if plan.record.settings == self.settings => plan,
            Some(plan) => {
                let (number, settings) = (newest + 1, self.settings.clone());
                let record = Record { number, settings, made: Timestamp::now(), ..plan.record };
                Plan { record, ..plan }
            }
            None => {
                self.shelf.end_canary()?;
                files.plan(newest + 1, self.settings.clone())
            }
        };
        let current = self.current(plan, &records)?;

        let number = current.record().number;
        let trial = self.trial();
        let on_trial = |record: &Record| trial.as_ref().is_some_and(|(number, _)| *number == record.number);
        let served = self.shelf.before().unwrap_or_default();
        let mut others: Vec<_> = records.iter().rev().filter(|record| record.number != number).collect();
        others.sort_by_key(|record| !served.contains(&record.number));
        // What is on trial is kept, however few others are.
        let others = others.into_iter().enumerate();
        let earlier = others.filter(|(place, record)| *place < keep.max(1) - 1 || on_trial(record));
        let earlier = earlier.map(|(_, record)| record);
        // What does not fit the settings of today may fit those of tomorrow.
        self.shelf.retain(&earlier.clone().chain([current.record()]).collect::<Vec<_>>())?;
        let mut kept = vec![current.clone()];
        kept.extend(earlier.filter_map(|record| self.earlier(record)));
        kept.sort_by_key(|generation| generation.record().number);
        let newest = newest.max(number);
        let canary = self.canary(trial.clone(), number, &kept);
        let app = App::new(self.name, self.config, self.slots, self.shelf, current, kept, newest);
        if let Some((generation, terms)) = canary {
            app.try_out(Canary::begin(generation, terms, deploy.guard), deploy.drain);
        }
        Ok(app)
    }

    /// Builds what is to serve, and has it serve after the next start too.
    fn current(&self, plan: Plan, records: &[Record]) -> anyhow::Result<Arc<Generation>> {
        let Plan { record, gateway, logic } = &plan;
        let current = self.build(record.clone(), gateway.clone(), logic.clone());
        let current = if record.by == SETTINGS {
            current?
        } else {
            let folder = self.shelf.folder().display();
            current.with_context(|| {
                format!("what was deployed last; to serve the files again, remove {folder}")
            })?
        };
        if !records.contains(record) {
            self.shelf.put(record, gateway, logic)?;
        }
        self.shelf.choose(record.number)?;
        Ok(current)
    }

    /// What was deployed last, if the files are what they were then, and the disk has all of it.
    fn deployed(&self) -> Option<Plan> {
        let read = || {
            let Some(record) = self.shelf.current()? else { return Ok(None) };
            let (gateway, logic) = self.components(&record)?;
            anyhow::Ok(Some(Plan { record, gateway, logic }))
        };
        read().unwrap_or_else(|error| {
            let (app, cause) = (self.name, format!("{error:#}"));
            tracing::error!(
                app,
                cause,
                "what was deployed cannot be used; serving the files of the settings"
            );
            None
        })
    }

    /// The number of what was on trial, and its terms.
    fn trial(&self) -> Option<(u64, Terms)> {
        self.shelf.canary().unwrap_or_else(|error| {
            let (app, cause) = (self.name, format!("{error:#}"));
            tracing::error!(app, cause, "what was on trial is not known");
            None
        })
    }

    /// What is on trial beside the generation that serves.
    fn canary(
        &self,
        trial: Option<(u64, Terms)>,
        serving: u64,
        kept: &[Arc<Generation>],
    ) -> Option<(Arc<Generation>, Terms)> {
        let (number, terms) = trial?;
        let fits = number != serving && terms.check(self.config).is_ok();
        let found = kept.iter().find(|generation| fits && generation.record().number == number);
        if found.is_none() {
            let app = self.name;
            tracing::warn!(app, generation = number, "what was on trial is so no more");
            // At the next start it is said again.
            drop(self.shelf.end_canary());
        }
        Some((found?.clone(), terms))
    }

    /// An earlier generation, if it still fits the settings.
    fn earlier(&self, record: &Record) -> Option<Arc<Generation>> {
        let read = || {
            let (gateway, logic) = self.components(record)?;
            anyhow::Ok(self.build(record.clone(), gateway, logic)?)
        };
        read()
            .inspect_err(|error| {
                let (app, generation, cause) = (self.name, record.number, format!("{error:#}"));
                tracing::warn!(app, generation, cause, "an earlier generation cannot be returned to");
            })
            .ok()
    }

    /// A generation's gateway and logic, if they are whole and signed as the settings want it now.
    fn components(&self, record: &Record) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
        let read = |part: Part| {
            let bytes = self.shelf.component(record.parts.of(part))?;
            if part == Part::Logic && self.config.logic.is_none() {
                return Ok(bytes);
            }
            let signature = record.signatures.of(part).as_deref();
            self.trusted.check(&bytes, signature).with_context(|| format!("checking its {}", part.name()))?;
            anyhow::Ok(bytes)
        };
        Ok((read(Part::Gateway)?, read(Part::Logic)?))
    }

    fn build(&self, record: Record, gateway: Vec<u8>, logic: Vec<u8>) -> Result<Arc<Generation>, Refusal> {
        let built = self.workshop.build(self.config, &self.slots, gateway, logic)?;
        Ok(Generation::new(record, built.digest, built.program))
    }
}

impl Files {
    fn read(config: &Config) -> anyhow::Result<Self> {
        if config.limits.memory > MAX_MEMORY {
            bail!("limits.memory is {}, the most is {MAX_MEMORY}", config.limits.memory);
        }
        if !config.route.starts_with('/') {
            bail!("route is \"{}\", but routes start with \"/\"", config.route);
        }
        let trusted = Trusted::new(&config.trusted_keys)?;
        let read = |path: &Path| {
            let (bytes, signature) = (component::read(path)?, signature::of_file(path)?);
            trusted.check(&bytes, signature.as_deref()).with_context(|| path.display().to_string())?;
            anyhow::Ok((bytes, signature))
        };
        let (gateway, by_gateway) = read(&config.gateway)?;
        let (logic, by_logic) = config.logic.as_deref().map_or(Ok(Default::default()), read)?;
        let signatures = Parts { gateway: by_gateway, logic: by_logic };
        let parts = Parts { gateway: digest(&gateway), logic: digest(&logic) };
        Ok(Self { gateway, logic, parts, signatures })
    }

    /// A generation of them.
    fn plan(self, number: u64, settings: String) -> Plan {
        let Self { gateway, logic, parts, signatures } = self;
        let (made, by) = (Timestamp::now(), SETTINGS.to_owned());
        Plan { record: Record { number, parts, signatures, settings, made, by }, gateway, logic }
    }
}

/// Checks the files of an application as far as that goes without compiling them, and says what they are.
pub fn inspect(name: &str, config: &Config) -> anyhow::Result<String> {
    let composed = || {
        let Files { gateway, logic, .. } = Files::read(config)?;
        settings::read(&config.config)?;
        super::workshop::composed(config, gateway, logic)
    };
    let composed = composed().with_context(|| format!("checking {}", config.place(name)))?;
    let route = Route::new(config.host.as_deref(), &config.route).describe();
    Ok(format!("serves {route}, {} bytes, sha256 {}", composed.len(), &digest(&composed)[..12]))
}
