//! What models can run on: the devices that llama.cpp finds, and which of them a model gets.
//!
//! Not here: how much memory a model needs there (`memory`).

use llama_cpp_2::{LlamaBackendDeviceType, list_llama_ggml_backend_devices, model::params::LlamaSplitMode};
use serde::Deserialize;

use crate::{Config, ffi::Offload, loading::backend};

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A processor.
    Cpu,
    /// A graphics processor.
    Gpu,
    /// Something that helps the processor, such as a library for matrices.
    Accelerator,
}

/// A device that llama.cpp found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name in the settings, `CUDA0` for instance.
    pub name: String,
    /// What it calls itself.
    pub description: String,
    /// What drives it, `CUDA` for instance.
    pub backend: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes of its memory.
    pub memory: u64,
    /// Those that are free.
    pub free: u64,
    /// Whether it computes in the machine's own memory.
    integrated: bool,
    index: usize,
}

#[cfg(test)]
impl Device {
    /// A graphics processor that has so many bytes free.
    pub(crate) fn gpu(name: &str, free: u64) -> Self {
        let (name, description, backend) = (name.into(), String::new(), String::new());
        let index = usize::from(String::as_bytes(&name).last().copied().unwrap_or_default());
        Self { name, description, backend, kind: Kind::Gpu, memory: free, free, integrated: false, index }
    }
}

/// How a model is spread over several graphics processors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Whole layers, by `tensor_split` or the memory that each has free.
    #[default]
    Layer,
    /// Every layer over all of them, which compute it together: tensor parallelism.
    Tensor,
    /// Not at all: `main_gpu` has them all.
    None,
}

/// The devices of this machine that this build can use.
///
/// # Errors
///
/// Says why llama.cpp could not be initialised.
pub fn devices() -> Result<Vec<Device>, String> {
    backend()?;
    let kind = |kind| match kind {
        LlamaBackendDeviceType::Gpu | LlamaBackendDeviceType::IntegratedGpu => Kind::Gpu,
        LlamaBackendDeviceType::Accelerator => Kind::Accelerator,
        LlamaBackendDeviceType::Cpu | LlamaBackendDeviceType::Unknown => Kind::Cpu,
    };
    let devices = list_llama_ggml_backend_devices().into_iter().map(|device| Device {
        kind: kind(device.device_type),
        memory: device.memory_total as u64,
        free: device.memory_free as u64,
        integrated: device.device_type == LlamaBackendDeviceType::IntegratedGpu,
        index: device.index,
        name: device.name,
        description: device.description,
        backend: device.backend,
    });
    Ok(devices.collect())
}

/// The graphics processors among `all` that the settings let the model use, in the order in which they are named; an
/// error says what they ask for in vain.
pub(crate) fn chosen<'a>(config: &Config, all: &'a [Device]) -> Result<Vec<&'a Device>, String> {
    if config.n_gpu_layers == 0 {
        return Ok(Vec::new());
    }
    let chosen = if config.devices.is_empty() { unnamed(all) } else { named(config, all)? };
    let main = usize::try_from(config.main_gpu).unwrap_or(usize::MAX);
    match chosen.len() {
        0 if config.require_gpu => Err(format!("inference.require_gpu: {}", none_found())),
        0 => Ok(chosen),
        count if main >= count => Err(format!(
            "inference.main_gpu = {main}: there are {count} graphics processors to use, counted from 0"
        )),
        count if !config.tensor_split.is_empty() && config.tensor_split.len() != count => {
            Err(format!("inference.tensor_split: expected a number for each of {}", list(&chosen)))
        }
        _ => Ok(chosen),
    }
}

/// As llama.cpp has it: one that shares the machine's memory only where there is no other.
fn unnamed(all: &[Device]) -> Vec<&Device> {
    let (integrated, own): (Vec<_>, Vec<_>) = gpus(all).partition(|device| device.integrated);
    if own.is_empty() { integrated } else { own }
}

fn named<'a>(config: &Config, all: &'a [Device]) -> Result<Vec<&'a Device>, String> {
    let mut chosen: Vec<&Device> = Vec::with_capacity(config.devices.len());
    for name in &config.devices {
        let Some(device) = gpus(all).find(|device| device.name == *name) else {
            let here = gpus(all).collect::<Vec<_>>();
            let here = if here.is_empty() { "there is none".into() } else { list(&here) };
            return Err(format!("inference.devices: there is no graphics processor {name:?} here: {here}"));
        };
        if chosen.iter().any(|other| other.index == device.index) {
            return Err(format!("inference.devices: {name:?} is there twice"));
        }
        chosen.push(device);
    }
    Ok(chosen)
}

fn gpus(all: &[Device]) -> impl Iterator<Item = &Device> {
    all.iter().filter(|device| device.kind == Kind::Gpu)
}

fn list(devices: &[&Device]) -> String {
    devices.iter().map(|device| device.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether what the settings say of devices can be had from `all`.
///
/// # Errors
///
/// Says which setting cannot, and what there is.
pub fn check_devices(config: &Config, all: &[Device]) -> Result<(), String> {
    chosen(config, all).map(drop)
}

/// What llama.cpp is told of the `chosen` devices.
pub(crate) fn offload(config: &Config, chosen: &[&Device]) -> Offload {
    // Which devices there are is left to llama.cpp where nothing depends on it: it tells when two back ends drive one.
    let told = !config.devices.is_empty() || !config.tensor_split.is_empty() || config.split == Split::Tensor;
    let devices = if told { chosen.iter().map(|device| device.index).collect() } else { Vec::new() };
    Offload {
        devices,
        layers: config.n_gpu_layers,
        proportions: if chosen.is_empty() { Vec::new() } else { config.tensor_split.clone() },
        split: match config.split {
            _ if chosen.is_empty() => LlamaSplitMode::Layer,
            Split::Layer => LlamaSplitMode::Layer,
            Split::Tensor => LlamaSplitMode::Tensor,
            Split::None => LlamaSplitMode::None,
        },
        main_gpu: i32::try_from(config.main_gpu).unwrap_or(i32::MAX),
    }
}

/// Says which devices there are, and plainly if layers were meant for a graphics processor and none is there.
pub(crate) fn tell(config: &Config, all: &[Device], chosen: &[&Device]) {
    for Device { name, description, backend, free, .. } in all {
        tracing::info!(device = name, description, backend, free, "inference device");
    }
    match config.n_gpu_layers {
        0 => {}
        -1 if chosen.is_empty() => tracing::info!("{}; the model runs on the processor", none_found()),
        layers if chosen.is_empty() => {
            tracing::warn!(n_gpu_layers = layers, "{}; the model runs on the processor", none_found());
        }
        _ => {}
    }
}

fn none_found() -> &'static str {
    if cfg!(any(feature = "cuda", feature = "vulkan", feature = "metal", feature = "rocm")) {
        "no graphics processor was found"
    } else {
        "this build uses no graphics processor (build with --features corral/cuda, vulkan, metal or rocm)"
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    fn device(name: &str, kind: Kind) -> Device {
        Device { kind, ..Device::gpu(name, 4) }
    }

    fn names(config: &Config, all: &[Device]) -> Result<Vec<String>, String> {
        Ok(chosen(config, all)?.into_iter().map(|device| device.name.clone()).collect())
    }

    #[test]
    fn a_model_gets_the_graphics_processors_that_the_settings_name() {
        let all = [device("CPU", Kind::Cpu), device("CUDA0", Kind::Gpu), device("CUDA1", Kind::Gpu)];
        let config = Config::default();
        assert_eq!(names(&config, &all).unwrap(), ["CUDA0", "CUDA1"]);
        assert!(names(&Config { n_gpu_layers: 0, ..config.clone() }, &all).unwrap().is_empty());
        let both = Config { devices: vec!["CUDA1".into(), "CUDA0".into()], ..config.clone() };
        assert_eq!(names(&both, &all).unwrap(), ["CUDA1", "CUDA0"], "the order is the settings'");
        let twice = Config { devices: vec!["CUDA1".into(), "CUDA1".into()], ..config.clone() };
        assert!(names(&twice, &all).unwrap_err().contains("twice"));
        let one = Config { devices: vec!["CUDA1".into()], ..config.clone() };
        assert_eq!(names(&one, &all).unwrap(), ["CUDA1"]);
        let refused = names(&Config { main_gpu: 1, ..one }, &all).unwrap_err();
        assert!(refused.contains("main_gpu = 1"), "{refused}");
        let unknown = Config { devices: vec!["CUDA7".into()], ..config };
        let refused = names(&unknown, &all).unwrap_err();
        assert!(refused.contains("CUDA7") && refused.contains("CUDA0, CUDA1"), "{refused}");
    }

    #[test]
    fn what_shares_the_machines_memory_is_used_where_there_is_nothing_else() {
        let shared = Device { integrated: true, ..device("Vulkan0", Kind::Gpu) };
        let config = Config::default();
        assert_eq!(names(&config, slice::from_ref(&shared)).unwrap(), ["Vulkan0"]);
        let all = [shared, device("Vulkan1", Kind::Gpu)];
        assert_eq!(names(&config, &all).unwrap(), ["Vulkan1"]);
        let named = Config { devices: vec!["Vulkan0".into()], ..config };
        assert_eq!(names(&named, &all).unwrap(), ["Vulkan0"]);
    }

    #[test]
    fn proportions_are_for_the_devices_in_their_order() {
        let all = [device("CUDA0", Kind::Gpu), device("CUDA1", Kind::Gpu)];
        let config = Config { tensor_split: vec![3.0, 1.0], ..Config::default() };
        let told = offload(&config, &chosen(&config, &all).unwrap());
        assert_eq!((told.devices, told.proportions), (vec![all[0].index, all[1].index], vec![3.0, 1.0]));
        let short = Config { tensor_split: vec![1.0], ..config.clone() };
        let refused = names(&short, &all).unwrap_err();
        assert!(refused.contains("tensor_split") && refused.contains("CUDA0, CUDA1"), "{refused}");
        // Where there is none, the model runs on the processor as it does without them.
        let told = offload(&config, &chosen(&config, &[]).unwrap());
        assert!(told.devices.is_empty() && told.proportions.is_empty());
    }

    #[test]
    fn without_a_graphics_processor_the_processor_does_unless_that_is_refused() {
        let all = [device("CPU", Kind::Cpu)];
        let config = Config { n_gpu_layers: 20, ..Config::default() };
        assert!(names(&config, &all).unwrap().is_empty());
        let refused = names(&Config { require_gpu: true, ..config }, &all).unwrap_err();
        assert!(refused.contains("require_gpu") && refused.contains("graphics processor"), "{refused}");
    }

    #[test]
    fn this_machine_has_a_processor() {
        let devices = devices().unwrap();
        assert!(devices.iter().any(|device| device.kind == Kind::Cpu), "{devices:?}");
    }
}
