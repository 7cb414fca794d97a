//! The generations that a host starts with: what was deployed last, or what the settings name.

use super::{
    App, Config, Route, component, digest,
    generation::{Generation, Part, Parts, Record},
    refusal::Refusal,
    shelf::Shelf,
    signature::Trusted,
    workshop::Workshop,
};
use crate::guest::{engine::MAX_MEMORY, slots::Slots};
use anyhow::{Context, bail};
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

/// An application with the generation that serves and those that are kept.
pub(super) fn load(
    name: &str,
    config: &Config,
    workshop: &Workshop,
    folder: &Path,
    keep: usize,
) -> anyhow::Result<Arc<App>> {
    let assembled = assemble(name, config, workshop, folder, keep);
    assembled.with_context(|| format!("loading apps.{name}"))
}

fn assemble(
    name: &str,
    config: &Config,
    workshop: &Workshop,
    folder: &Path,
    keep: usize,
) -> anyhow::Result<Arc<App>> {
    let files = Files::read(config)?;
    let settings = digest(&serde_json::to_vec(&(&config.grants, &config.config))?);
    let trusted = Trusted::new(&config.trusted_keys)?;
    let shelf = Shelf::open(folder, name, files.parts.clone())?;
    let slots = Arc::new(Slots::new(config.limits.instances, config.limits.wait));
    let records = shelf.records()?;
    let deployed = deployed(name, &shelf, &trusted);
    let was_deployed = deployed.is_some();
    let again = || {
        format!("what was deployed last; to serve the files again, remove {}", folder.join(name).display())
    };
    let newest = records.last().map_or(0, |record| record.number);
    let next = newest + 1;
    let (record, gateway, logic) = match deployed {
        Some((record, gateway, logic)) if record.settings == settings => (record, gateway, logic),
        Some((record, gateway, logic)) => {
            (Record { number: next, settings, made: Timestamp::now(), ..record }, gateway, logic)
        }
        None => {
            let Files { gateway, logic, parts, signatures } = files;
            let (made, by) = (Timestamp::now(), SETTINGS.to_owned());
            (Record { number: next, parts, signatures, settings, made, by }, gateway, logic)
        }
    };
    let number = record.number;
    let built = build(config, workshop, &slots, record, gateway.clone(), logic.clone());
    let current = if was_deployed { built.with_context(again)? } else { built? };
    if !records.contains(current.record()) {
        shelf.put(current.record(), &gateway, &logic)?;
    }
    shelf.choose(number)?;

    let earlier = records.iter().rev().filter(|record| record.number != number).take(keep.max(1) - 1);
    // What does not fit the settings of today may fit those of tomorrow.
    shelf.retain(&earlier.clone().chain([current.record()]).collect::<Vec<_>>())?;
    let mut kept = vec![current.clone()];
    for record in earlier {
        kept.extend(again_of(name, config, workshop, &slots, &shelf, &trusted, record));
    }
    kept.sort_by_key(|generation| generation.record().number);
    Ok(App::new(name, config, slots, shelf, current, kept, newest.max(number)))
}

/// What was deployed last, if the files are what they were then, and the disk has all of it.
fn deployed(name: &str, shelf: &Shelf, trusted: &Trusted) -> Option<(Record, Vec<u8>, Vec<u8>)> {
    let read = || {
        let Some(record) = shelf.current()? else { return Ok(None) };
        let (gateway, logic) = components(shelf, trusted, &record)?;
        anyhow::Ok(Some((record, gateway, logic)))
    };
    read().unwrap_or_else(|error| {
        let cause = format!("{error:#}");
        tracing::error!(
            app = name,
            cause,
            "what was deployed cannot be used; serving the files of the settings"
        );
        None
    })
}

/// An earlier generation, if it still fits the settings.
fn again_of(
    name: &str,
    config: &Config,
    workshop: &Workshop,
    slots: &Arc<Slots>,
    shelf: &Shelf,
    trusted: &Trusted,
    record: &Record,
) -> Option<Arc<Generation>> {
    let number = record.number;
    let read = || {
        let (gateway, logic) = components(shelf, trusted, record)?;
        Ok(build(config, workshop, slots, record.clone(), gateway, logic)?)
    };
    let cause = match read() {
        Ok(generation) => return Some(generation),
        Err::<_, anyhow::Error>(cause) => format!("{cause:#}"),
    };
    tracing::warn!(app = name, generation = number, cause, "an earlier generation cannot be returned to");
    None
}

/// A generation's gateway and logic, if they are whole and signed as the settings want it now.
fn components(shelf: &Shelf, trusted: &Trusted, record: &Record) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let read = |part: Part| {
        let bytes = shelf.component(record.parts.of(part))?;
        let signature = record.signatures.of(part).as_deref();
        trusted.check(&bytes, signature).with_context(|| format!("checking its {}", part.name()))?;
        anyhow::Ok(bytes)
    };
    Ok((read(Part::Gateway)?, read(Part::Logic)?))
}

fn build(
    config: &Config,
    workshop: &Workshop,
    slots: &Arc<Slots>,
    record: Record,
    gateway: Vec<u8>,
    logic: Vec<u8>,
) -> Result<Arc<Generation>, Refusal> {
    let built = workshop.build(config, slots, gateway, logic)?;
    Ok(Generation::new(record, built.digest, built.program))
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
        let gateway = component::read(&config.gateway)?;
        let logic = component::read(&config.logic)?;
        let signatures = Parts {
            gateway: trusted.check_file(&gateway, &config.gateway)?,
            logic: trusted.check_file(&logic, &config.logic)?,
        };
        let parts = Parts { gateway: digest(&gateway), logic: digest(&logic) };
        Ok(Self { gateway, logic, parts, signatures })
    }
}

/// Checks the files of an application as far as that goes without compiling them, and says what they are.
pub fn inspect(name: &str, config: &Config) -> anyhow::Result<String> {
    let composed = || {
        let Files { gateway, logic, .. } = Files::read(config)?;
        super::compose::compose(gateway, logic, &config.grants)
    };
    let composed = composed().with_context(|| format!("checking apps.{name}"))?;
    let route = Route::new(config.host.as_deref(), &config.route).describe();
    Ok(format!("serves {route}, {} bytes, sha256 {}", composed.len(), &digest(&composed)[..12]))
}
