//! LoRA adapters of a loaded model. llama.cpp applies them to a context, so all of one step is for the same one.

use std::path::PathBuf;

use llama_cpp_2::{
    context::LlamaContext,
    model::{LlamaLoraAdapter, LlamaModel},
};
use serde::Deserialize;

use crate::Config;

/// One LoRA adapter in the settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// Its GGUF file.
    pub path: PathBuf,
    /// How strongly it applies.
    #[serde(default = "whole")]
    pub scale: f32,
}

fn whole() -> f32 {
    1.0
}

/// The adapters of one context, in the order of the settings.
#[derive(Debug)]
pub(crate) struct Adapters {
    loaded: Vec<(LlamaLoraAdapter, f32)>,
    applied: Option<usize>,
}

impl Adapters {
    /// Reads the adapters' files.
    pub fn load(config: &Config, model: &mut LlamaModel) -> Result<Self, String> {
        let mut loaded = Vec::new();
        for (name, Adapter { path, scale }) in &config.adapters {
            // llama.cpp's wrapper asserts this.
            if !path.is_file() {
                return Err(format!("inference.adapters.{name}.path: there is no file {}", path.display()));
            }
            let adapter = model.lora_adapter_init(path).map_err(|error| {
                format!("loading the adapter {}: {error}; the log of llama.cpp says more", path.display())
            })?;
            loaded.push((adapter, *scale));
        }
        Ok(Self { loaded, applied: None })
    }

    /// A new context computes with none.
    pub fn begin(&mut self) {
        self.applied = None;
    }

    /// The adapter of the next step: of those that have something to do, the one after the last one's.
    pub fn next(&self, waiting: impl Iterator<Item = Option<usize>>) -> Option<usize> {
        let (mut first, mut later) = (None, None);
        for adapter in waiting {
            let place = if adapter > self.applied { &mut later } else { &mut first };
            if place.is_none_or(|other| adapter < other) {
                *place = Some(adapter);
            }
        }
        later.or(first).flatten()
    }

    /// Makes the context compute with an adapter, or with none.
    pub fn apply(&mut self, context: &mut LlamaContext<'_>, adapter: Option<usize>) -> Result<(), String> {
        if self.applied == adapter {
            return Ok(());
        }
        let outcome = match adapter.or(self.applied).and_then(|index| self.loaded.get_mut(index)) {
            Some((lora, scale)) if adapter.is_some() => {
                context.lora_adapter_set(lora, *scale).map_err(|error| error.to_string())
            }
            Some((lora, _)) => context.lora_adapter_remove(lora).map_err(|error| error.to_string()),
            None => Err("there is no such adapter".into()),
        };
        outcome.map_err(|error| format!("changing the adapter: {error}"))?;
        self.applied = adapter;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_take_turns() {
        let next = |applied, waiting: &[Option<usize>]| {
            Adapters { loaded: Vec::new(), applied }.next(waiting.iter().copied())
        };
        assert_eq!(next(None, &[None, None]), None);
        assert_eq!(next(None, &[None, Some(1), Some(0)]), Some(0));
        assert_eq!(next(Some(0), &[None, Some(1), Some(0)]), Some(1));
        assert_eq!(next(Some(1), &[Some(1), None, Some(0)]), None);
        assert_eq!(next(Some(1), &[Some(1)]), Some(1));
        assert_eq!(next(Some(1), &[]), None);
    }
}
