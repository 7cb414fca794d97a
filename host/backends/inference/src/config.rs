//! The settings under `[inference]`.
//!
//! Not here: reading them from a file (the host's `config.rs` gathers all settings).

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use bytesize::ByteSize;
use serde::Deserialize;

use crate::{Error, RemoteConfig, adapters::Adapter, devices::Split, input::Settings};

/// What runs the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// llama.cpp, in this process.
    #[default]
    LlamaCpp,
    /// Servers that speak OpenAI's protocol, named under `[inference.remote]`.
    Openai,
}

/// Whether attention runs as one fused kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlashAttention {
    /// Where the device supports it.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// How keys and values are stored in the KV cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvType {
    /// 32 bits.
    F32,
    /// 16 bits.
    #[default]
    F16,
    /// 16 bits with the range of 32.
    Bf16,
    /// 8 bits in blocks; as every block type it needs flash attention.
    Q8_0,
    /// 5 bits in blocks.
    Q5_1,
    /// 5 bits in blocks, without offset.
    Q5_0,
    /// 4 bits in blocks.
    Q4_1,
    /// 4 bits in blocks, without offset.
    Q4_0,
}

impl KvType {
    /// Whether values share a scale in blocks.
    pub(crate) fn is_quantized(self) -> bool {
        !matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Bytes that 32 values take.
    pub(crate) fn bytes_of_32(self) -> u64 {
        match self {
            Self::F32 => 128,
            Self::F16 | Self::Bf16 => 64,
            Self::Q8_0 => 34,
            Self::Q5_1 => 24,
            Self::Q5_0 => 22,
            Self::Q4_1 => 20,
            Self::Q4_0 => 18,
        }
    }
}

/// How tokens are chosen where a job does not say.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// Tokens of an answer.
    pub max_tokens: u32,
    /// 0 is greedy.
    pub temperature: f32,
    /// 0 means no bound.
    pub top_k: u32,
    /// 1 means no bound.
    pub top_p: f32,
    /// 0 means no bound.
    pub min_p: f32,
    /// 1 means no penalty.
    pub repeat_penalty: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { max_tokens: 512, temperature: 0.7, top_k: 40, top_p: 0.95, min_p: 0.05, repeat_penalty: 1.0 }
    }
}

/// The settings under `[inference]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What runs the model.
    pub backend: Backend,
    /// The GGUF file.
    pub model: PathBuf,
    /// The model's name for callers; the file's name without its ending, or what servers call it, if none is given.
    pub name: Option<String>,
    /// A file with a Jinja chat template, in place of the model file's own.
    pub chat_template: Option<PathBuf>,
    /// Layers on the GPU: -1 is all of them if there is one, 0 is none.
    pub n_gpu_layers: i32,
    /// The graphics processors to use, by name; empty is all of them.
    pub devices: Vec<String>,
    /// Of those, by its place from 0, the one that has all layers where they are not split.
    pub main_gpu: u32,
    /// How a model is spread over several graphics processors.
    pub split: Split,
    /// Each one's share, in any unit; empty is by the memory that they have free.
    pub tensor_split: Vec<f32>,
    /// Whether to refuse to start without a graphics processor.
    pub require_gpu: bool,
    /// Tokens that one step computes at most. One step is also how long a cancelled prompt can
    /// still hold the engine.
    pub n_batch: u32,
    /// Tokens that are computed together within a step.
    pub n_ubatch: u32,
    /// Tokens of context that each conversation has.
    pub n_ctx: u32,
    /// Conversations answered at once.
    pub parallel: u32,
    /// CPU threads; 0 is one per core.
    pub threads: u32,
    /// Bytes of the host's memory for the states of conversations that have no slot; 0 keeps none.
    pub cache_bytes: ByteSize,
    /// A folder for states that the memory has no room for; none drops them.
    pub spill_folder: Option<PathBuf>,
    /// Bytes that they may take there.
    pub spill_bytes: ByteSize,
    /// How long the state of a system prompt, or of a conversation that is no session, is kept without use.
    #[serde(with = "humantime_serde")]
    pub cache_age: Duration,
    /// Jobs that may wait for a slot.
    pub queue: usize,
    /// Whether attention runs as one fused kernel.
    pub flash_attention: FlashAttention,
    /// How the KV cache is stored.
    pub kv_type: KvType,
    /// Whether the model is loaded at the start; if not, it can be loaded later. The default model always is.
    pub load: bool,
    /// LoRA adapters by name.
    pub adapters: BTreeMap<String, Adapter>,
    /// How tokens are chosen where a job does not say.
    pub defaults: Sampling,
    /// Further models by name, each with settings of its own.
    pub models: BTreeMap<String, Config>,
    /// The servers of the back end `openai`.
    pub remote: RemoteConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backend: Backend::LlamaCpp,
            model: PathBuf::from(".corral/models/smollm2-135m-instruct-q4_1.gguf"),
            name: None,
            chat_template: None,
            n_gpu_layers: -1,
            devices: Vec::new(),
            main_gpu: 0,
            split: Split::Layer,
            tensor_split: Vec::new(),
            require_gpu: false,
            n_batch: 512,
            n_ubatch: 512,
            n_ctx: 2048,
            parallel: 4,
            threads: 0,
            cache_bytes: ByteSize::gib(2),
            spill_folder: None,
            spill_bytes: ByteSize::gib(16),
            cache_age: Duration::from_hours(1),
            queue: 64,
            flash_attention: FlashAttention::Auto,
            kv_type: KvType::F16,
            load: true,
            adapters: BTreeMap::new(),
            defaults: Sampling::default(),
            models: BTreeMap::new(),
            remote: RemoteConfig::default(),
        }
    }
}

impl Config {
    /// The model's name for callers.
    pub fn model_name(&self) -> String {
        let given = || match self.backend {
            Backend::LlamaCpp => self.model.file_stem().map(|stem| {
                let stem = stem.to_string_lossy();
                first_of_several(&stem).map_or_else(|| stem.to_string(), |(name, _)| name.to_owned())
            }),
            Backend::Openai => self.remote.model.clone(),
        };
        self.name.clone().or_else(given).unwrap_or_default()
    }

    /// CPU threads to use.
    pub(crate) fn thread_count(&self) -> i32 {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = if self.threads == 0 { cores() } else { self.threads as usize };
        i32::try_from(threads).unwrap_or(i32::MAX)
    }

    /// Says which setting cannot be used, and why.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::InvalidArgument(format!("inference.{message}")));
        if self.n_gpu_layers < -1 {
            return refuse(format!("n_gpu_layers = {}: expected -1 or more", self.n_gpu_layers));
        }
        if self.require_gpu && self.n_gpu_layers == 0 {
            return refuse("require_gpu: n_gpu_layers = 0 uses none".into());
        }
        self.check_split()?;
        if self.n_ctx < 16 {
            return refuse(format!("n_ctx = {}: expected at least 16", self.n_ctx));
        }
        if !(1..=256).contains(&self.parallel) {
            return refuse(format!("parallel = {}: expected 1 to 256", self.parallel));
        }
        if self.n_batch < self.parallel {
            return refuse(format!(
                "n_batch = {}: expected at least parallel ({})",
                self.n_batch, self.parallel
            ));
        }
        if self.n_ubatch == 0 {
            return refuse("n_ubatch = 0: expected at least 1".into());
        }
        if self.queue == 0 {
            return refuse("queue = 0: expected at least 1".into());
        }
        if u64::from(self.n_ctx) * u64::from(self.parallel) > 1 << 30 {
            return refuse(format!("n_ctx = {}: n_ctx × parallel is too large", self.n_ctx));
        }
        for (name, model) in &self.models {
            if *name == self.model_name() {
                return refuse(format!("models.{name}: the default model has this name"));
            }
            if !model.models.is_empty() {
                return refuse(format!("models.{name}.models: a further model has no models of its own"));
            }
            model.check().map_err(|error| match error {
                Error::InvalidArgument(what) => {
                    let what = what.strip_prefix("inference.").unwrap_or(&what);
                    Error::InvalidArgument(format!("inference.models.{name}.{what}"))
                }
                other => other,
            })?;
        }
        self.check_defaults()
    }

    fn check_split(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::InvalidArgument(format!("inference.{message}")));
        let shares = &self.tensor_split;
        if !shares.is_empty() {
            if shares.iter().any(|share| !share.is_finite() || *share < 0.0)
                || shares.iter().all(|share| *share == 0.0)
            {
                return refuse(format!(
                    "tensor_split = {shares:?}: expected shares from 0, not all of them 0"
                ));
            }
            if self.split == Split::None {
                return refuse("tensor_split: split = \"none\" spreads nothing".into());
            }
        }
        if self.split == Split::Tensor && self.flash_attention == FlashAttention::Off {
            return refuse("split = \"tensor\": it computes with flash_attention alone".into());
        }
        Ok(())
    }

    fn check_defaults(&self) -> Result<(), Error> {
        let Sampling { max_tokens, temperature, top_k, top_p, min_p, repeat_penalty } = self.defaults;
        let settings = Settings {
            max_tokens,
            temperature,
            top_k,
            top_p,
            min_p,
            repeat_penalty,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            seed: None,
        };
        settings.check().map_err(|error| Error::InvalidArgument(format!("inference.defaults: {error}")))
    }
}

/// A model's name and the number of its files, where `stem` is that of the first, as `llama-gguf-split` names them.
pub(crate) fn first_of_several(stem: &str) -> Option<(&str, &str)> {
    let (rest, count) = stem.rsplit_once("-of-")?;
    let is_count = count.len() == 5 && count.bytes().all(|byte| byte.is_ascii_digit());
    Some((rest.strip_suffix("-00001")?, count)).filter(|_| is_count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kv_types_are_written_as_llama_cpp_writes_them() {
        let read = |text: &str| serde_json::from_value::<KvType>(text.into());
        assert_eq!(read("q8_0").unwrap(), KvType::Q8_0);
        assert_eq!(read("bf16").unwrap(), KvType::Bf16);
        assert!(read("q9_0").is_err());
    }

    #[test]
    fn the_defaults_pass_and_the_name_is_the_files() {
        let config = Config::default();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.model_name(), "smollm2-135m-instruct-q4_1");
        let first = Config { model: "llama-70b-00001-of-00003.gguf".into(), ..config };
        assert_eq!(first.model_name(), "llama-70b");
    }

    #[test]
    fn a_refused_setting_is_named() {
        let refused = |config: Config| config.check().unwrap_err().to_string();
        assert!(refused(Config { parallel: 0, ..Config::default() }).contains("inference.parallel = 0"));
        assert!(refused(Config { n_batch: 2, ..Config::default() }).contains("inference.n_batch = 2"));
        assert!(refused(Config { n_ctx: 1, ..Config::default() }).contains("inference.n_ctx = 1"));
        for shares in [&[0.0, 0.0][..], &[1.0, -1.0], &[1.0, f32::NAN]] {
            let tensor_split = shares.to_vec();
            assert!(
                refused(Config { tensor_split, ..Config::default() }).contains("inference.tensor_split = [")
            );
        }
        let none = Config { tensor_split: vec![1.0], split: Split::None, ..Config::default() };
        assert!(refused(none).contains("inference.tensor_split: "));
        let tensor =
            Config { split: Split::Tensor, flash_attention: FlashAttention::Off, ..Config::default() };
        assert!(refused(tensor).contains("flash_attention"));
    }
}
