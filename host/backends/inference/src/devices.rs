//! What models can run on: the devices that llama.cpp finds, and which of them a model gets.
//!
//! Not here: how much memory a model needs there (`memory`).

use llama_cpp_2::{
    LlamaBackendDeviceType, list_llama_ggml_backend_devices,
    model::params::{LlamaModelParams, LlamaSplitMode},
};
use serde::Deserialize;

use crate::{Config, loading::backend};

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
    index: usize,
}

/// How the layers of a model are spread over several graphics processors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Whole layers, by the memory that each has free.
    #[default]
    Layer,
    /// The rows of each layer.
    Row,
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
        index: device.index,
        name: device.name,
        description: device.description,
        backend: device.backend,
    });
    Ok(devices.collect())
}

/// The graphics processors among `all` that the settings let the model use; an error says what they ask for in vain.
pub(crate) fn chosen<'a>(config: &Config, all: &'a [Device]) -> Result<Vec<&'a Device>, String> {
    let gpus = || all.iter().filter(|device| device.kind == Kind::Gpu);
    if config.n_gpu_layers == 0 {
        return Ok(Vec::new());
    }
    for name in &config.devices {
        if !gpus().any(|device| device.name == *name) {
            let names: Vec<_> = gpus().map(|device| device.name.as_str()).collect();
            let here = if names.is_empty() { "there is none".into() } else { names.join(", ") };
            return Err(format!("inference.devices: there is no graphics processor {name:?} here: {here}"));
        }
    }
    let chosen: Vec<_> =
        gpus().filter(|device| config.devices.is_empty() || config.devices.contains(&device.name)).collect();
    let main = usize::try_from(config.main_gpu).unwrap_or(usize::MAX);
    match chosen.len() {
        0 if config.require_gpu => Err(format!("inference.require_gpu: {}", none_found())),
        0 => Ok(chosen),
        count if main >= count => Err(format!(
            "inference.main_gpu = {main}: there are {count} graphics processors to use, counted from 0"
        )),
        _ => Ok(chosen),
    }
}

/// Whether what the settings say of devices can be had from `all`.
///
/// # Errors
///
/// Says which setting cannot, and what there is.
pub fn check_devices(config: &Config, all: &[Device]) -> Result<(), String> {
    chosen(config, all).map(drop)
}

/// Tells llama.cpp which devices to use, and how.
pub(crate) fn apply(
    mut params: LlamaModelParams,
    config: &Config,
    chosen: &[&Device],
) -> Result<LlamaModelParams, String> {
    // -1 is llama.cpp's default for all layers, and the setter could only make it "none" or a number.
    if let Ok(layers) = u32::try_from(config.n_gpu_layers) {
        params = params.with_n_gpu_layers(layers);
    }
    if !config.devices.is_empty() && !chosen.is_empty() {
        let indices: Vec<_> = chosen.iter().map(|device| device.index).collect();
        params = params.with_devices(&indices).map_err(|error| format!("inference.devices: {error}"))?;
    }
    let split = match config.split {
        Split::Layer => LlamaSplitMode::Layer,
        Split::Row => LlamaSplitMode::Row,
        Split::None => LlamaSplitMode::None,
    };
    Ok(params.with_split_mode(split).with_main_gpu(i32::try_from(config.main_gpu).unwrap_or(i32::MAX)))
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
    use super::*;

    fn device(name: &str, kind: Kind) -> Device {
        let text = String::new;
        Device { name: name.into(), description: text(), backend: text(), kind, memory: 8, free: 4, index: 0 }
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
        let one = Config { devices: vec!["CUDA1".into()], ..config.clone() };
        assert_eq!(names(&one, &all).unwrap(), ["CUDA1"]);
        let refused = names(&Config { main_gpu: 1, ..one }, &all).unwrap_err();
        assert!(refused.contains("main_gpu = 1"), "{refused}");
        let unknown = Config { devices: vec!["CUDA7".into()], ..config };
        let refused = names(&unknown, &all).unwrap_err();
        assert!(refused.contains("CUDA7") && refused.contains("CUDA0, CUDA1"), "{refused}");
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
