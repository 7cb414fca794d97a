//! One look at each model's files or servers, and at what models can run on.

use super::{
    Finding,
    probes::{size, start, told},
    stores::{finding, waited},
};
use corral_inference::{Backend, Config, Device, Kind, Remote, Status};
use std::path::Path;

/// The default model, the further ones, and the devices.
pub(super) fn all(config: &Config) -> Vec<Finding> {
    let mut findings = model("inference", config);
    for (name, further) in &config.models {
        findings.extend(model(&format!("inference.models.{name}"), further));
    }
    findings.push(devices(config));
    findings
}

fn model(table: &str, config: &Config) -> Vec<Finding> {
    match config.backend {
        Backend::LlamaCpp => files(table, config),
        Backend::Openai => vec![servers(table, config)],
    }
}

fn servers(table: &str, config: &Config) -> Finding {
    let asked = waited(async {
        let remote = Remote::start(config)?;
        remote.ready().await?;
        match remote.status() {
            Status::Ready => Ok(()),
            Status::Down(cause) | Status::Failed(cause) => anyhow::bail!("{cause}"),
            Status::Loading { .. } => anyhow::bail!("no answer"),
        }
    });
    let mend = format!("start the servers, or change [{table}.remote] in runtime.toml");
    finding(&format!("{table}.remote"), "a server answers", asked, &mend)
}

fn files(table: &str, config: &Config) -> Vec<Finding> {
    let adapters = config.adapters.iter();
    let adapters = adapters.map(|(name, adapter)| gguf(format!("{table}.adapters.{name}"), &adapter.path));
    [gguf(format!("{table}.model"), &config.model)].into_iter().chain(adapters).collect()
}

fn gguf(name: String, path: &Path) -> Finding {
    let mend = "make setup, or `corral models fetch`, or name another file in runtime.toml";
    let bytes = match start(path) {
        Ok(bytes) => bytes,
        Err(error) => return Finding::bad(name, told(path, &error), Some(mend.into())),
    };
    let version = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    match (&bytes[..4], version) {
        (b"GGUF", 2 | 3) => Finding::good(name, format!("{} ({})", path.display(), size(path))),
        (b"GGUF", _) => {
            Finding::bad(name, format!("{}: GGUF version {version}", path.display()), Some(mend.into()))
        }
        _ => Finding::bad(name, format!("{}: no GGUF file", path.display()), Some(mend.into())),
    }
}

/// What llama.cpp finds here, and whether that is what the settings ask for.
fn devices(config: &Config) -> Finding {
    let name = "inference.devices";
    let devices = match corral_inference::devices() {
        Ok(devices) => devices,
        Err(error) => return Finding::bad(name, error, None),
    };
    let list: Vec<_> = devices.iter().map(listed).collect();
    let wanted = |config: &Config| corral_inference::check_devices(config, &devices);
    let wrong = [config].into_iter().chain(config.models.values()).find_map(|config| wanted(config).err());
    match wrong {
        Some(error) => Finding::bad(name, error, Some("change the setting, or the build's features".into())),
        None => Finding::good(name, list.join(", ")),
    }
}

fn listed(device: &Device) -> String {
    let Device { name, description, memory, free, kind, .. } = device;
    match kind {
        Kind::Gpu => format!("{name} ({description}, {} MiB free of {})", free >> 20, memory >> 20),
        Kind::Cpu | Kind::Accelerator => format!("{name} ({description})"),
    }
}
