//! Loads the model, on the engine thread, and learns what there is to know of it.

use std::{
    num::NonZeroU32,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use llama_cpp_2::{
    LlamaCppError, LogOptions,
    context::{
        LlamaContext,
        params::{KvCacheType, LlamaContextParams},
    },
    llama_backend::LlamaBackend,
    model::LlamaModel,
    send_logs_to_tracing,
};

use crate::{
    Config, FlashAttention, KvType, Model,
    adapters::Adapters,
    devices::{self, devices as all_devices},
    ffi,
    footprint::Footprint,
    memory::{self, mebibytes},
    placement::Placement,
    prefixes::Prefixes,
    template::{Facts, Format, jinja::ChatTemplate},
    tokens::Vocabulary,
};

/// Time between two lines of the log about a model that loads.
const BETWEEN_LINES: Duration = Duration::from_secs(2);

/// A loaded model and what is known of it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub model: Arc<LlamaModel>,
    pub vocabulary: Vocabulary,
    pub format: Format,
    pub description: Model,
    pub prefixes: Prefixes,
    /// As set, but never `Auto` where it is known to be slower.
    pub flash_attention: FlashAttention,
    /// Bytes that states of conversations without a slot may take: as set, or what is free.
    pub cache_bytes: usize,
}

/// llama.cpp, initialised once for the process and never freed: engines come and go.
pub(crate) fn backend() -> Result<&'static LlamaBackend, String> {
    static BACKEND: LazyLock<Result<LlamaBackend, LlamaCppError>> = LazyLock::new(|| {
        send_logs_to_tracing(LogOptions::default());
        LlamaBackend::init()
    });
    BACKEND.as_ref().map_err(|error| format!("initialising llama.cpp: {error}"))
}

/// Reads the model's files; `progress` gets the fraction and says whether to go on.
pub(crate) fn load(config: &Config, progress: impl FnMut(f32) -> bool) -> Result<(Loaded, Adapters), String> {
    let backend = backend()?;
    let progress = tell_progress(config.model_name(), progress);
    let file = config.model.display();
    let footprint = Footprint::of(config)?;
    let devices = all_devices()?;
    let gpus = devices::chosen(config, &devices)?;
    devices::tell(config, &devices, &gpus);
    let placement = Placement { config, footprint: &footprint, gpus: &gpus };
    let left = placement.check(memory::available())?;
    placement.tell();
    let offload = devices::offload(config, &gpus);
    let mut model = ffi::load(backend, &config.model, &offload, progress)
        .map_err(|error| format!("loading {file}: {error}"))?;
    let adapters = Adapters::load(config, &mut model)?;
    let flash_attention = flash_attention(config, !gpus.is_empty() && config.n_gpu_layers != 0);
    let loaded = describe(config, Arc::new(model), flash_attention, cache_bytes(config, left))?;
    tracing::info!(
        model = loaded.description.name,
        file = %config.model.display(),
        parameters = loaded.model.n_params(),
        weights = mebibytes(loaded.model.size()),
        kv_cache = mebibytes(footprint.cache()),
        context = loaded.description.context_length,
        parallel = config.parallel,
        threads = config.thread_count(),
        ?flash_attention,
        template = ?loaded.description.template,
        tools = ?loaded.format.style(),
        "model loaded"
    );
    Ok((loaded, adapters))
}

/// Also tells in the log how far it is, now and then.
fn tell_progress(model: String, mut progress: impl FnMut(f32) -> bool) -> impl FnMut(f32) -> bool {
    let mut told = Instant::now();
    move |fraction| {
        if told.elapsed() >= BETWEEN_LINES {
            told = Instant::now();
            tracing::info!(model, percent = (fraction * 100.0).round(), "loading");
        }
        progress(fraction)
    }
}

/// A context with a whole conversation's room for each sequence.
pub(crate) fn context<'model>(
    config: &Config,
    loaded: &'model Loaded,
) -> Result<LlamaContext<'model>, String> {
    let n_ctx = loaded.description.context_length.saturating_mul(config.parallel);
    let kv_type = cache_type(config.kv_type);
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(n_ctx))
        .with_n_seq_max(config.parallel)
        // Each sequence has its own part of the cache: none can take another's room, and what one
        // computes does not depend on where others lie.
        .with_kv_unified(false)
        .with_n_batch(config.n_batch)
        .with_n_ubatch(config.n_ubatch.min(config.n_batch))
        .with_n_threads(config.thread_count())
        .with_n_threads_batch(config.thread_count())
        .with_flash_attention_policy(policy(loaded.flash_attention))
        .with_type_k(kv_type)
        .with_type_v(kv_type);
    loaded.model.new_context(backend()?, params).map_err(|error| {
        format!("making a context of {n_ctx} tokens: {error}; the log of llama.cpp says more")
    })
}

/// As much as the settings say, within what is `left` beside the model.
fn cache_bytes(config: &Config, left: Option<u64>) -> usize {
    let wanted = config.cache_bytes.as_u64();
    let bytes = left.map_or(wanted, |left| wanted.min(left));
    if bytes < wanted {
        let (wanted, free) = (mebibytes(wanted), mebibytes(bytes));
        tracing::warn!(wanted, free, "inference.cache_bytes is more than the model leaves, and is cut to it");
    }
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// On a graphics processor it is faster and smaller. On a processor llama.cpp's is faster for long prompts and
/// nearly twice as slow for long answers, of which there is more. Without it, keys and values cannot be quantized.
fn flash_attention(config: &Config, on_gpu: bool) -> FlashAttention {
    match config.flash_attention {
        FlashAttention::Auto if !on_gpu && !config.kv_type.is_quantized() => FlashAttention::Off,
        choice => choice,
    }
}

fn describe(
    config: &Config,
    model: Arc<LlamaModel>,
    flash_attention: FlashAttention,
    cache_bytes: usize,
) -> Result<Loaded, String> {
    let fact = |key: &str| model.meta_val_str(key).unwrap_or_default();
    let (architecture, name) = (fact("general.architecture"), fact("general.name"));
    let source = template(config, &model)?;
    let facts = Facts {
        architecture: &architecture,
        name: &name,
        file: Some(&config.model),
        template: source.as_deref(),
    };
    let for_tools = template_for_tools(config, &model);
    let templates: Vec<_> = source.as_deref().into_iter().chain(for_tools.as_deref()).collect();
    let vocabulary = Vocabulary::new(Arc::clone(&model), &templates);
    let format = if facts.is_llama2_chat() { Format::Llama2 } else { jinja(source, for_tools, &vocabulary) };
    if let (Some(path), Format::None) = (&config.chat_template, &format) {
        return Err(format!("inference.chat_template: {} is no template; the log says why", path.display()));
    }
    let trained = model.n_ctx_train();
    let context_length = if trained == 0 { config.n_ctx } else { config.n_ctx.min(trained) };
    if context_length < config.n_ctx {
        tracing::warn!(n_ctx = config.n_ctx, trained, "n_ctx is cut to what the model was trained for");
    }
    let description = Model {
        name: config.model_name(),
        context_length,
        template: format.kind(),
        tools: format.style().is_some(),
        adapters: config.adapters.keys().cloned().collect(),
    };
    Ok(Loaded {
        model,
        vocabulary,
        format,
        description,
        prefixes: Prefixes::default(),
        flash_attention,
        cache_bytes,
    })
}

/// The source of the chat template: the settings', or the file's own if it has one.
fn template(config: &Config, model: &LlamaModel) -> Result<Option<String>, String> {
    let Some(path) = &config.chat_template else {
        return Ok(model.chat_template(None).ok().and_then(|template| template.to_string().ok()));
    };
    let read = |error| format!("inference.chat_template: reading {}: {error}", path.display());
    std::fs::read_to_string(path).map(Some).map_err(read)
}

/// The file's second template, if it has one: `tokenizer.chat_template.tool_use`, as models have it that Hugging Face's
/// tools keep with several templates. One that the settings name is for everything.
fn template_for_tools(config: &Config, model: &LlamaModel) -> Option<String> {
    match config.chat_template {
        Some(_) => None,
        None => model.meta_val_str("tokenizer.chat_template.tool_use").ok(),
    }
}

fn jinja(source: Option<String>, for_tools: Option<String>, vocabulary: &Vocabulary) -> Format {
    let compiled = |source: String| {
        let (begin, end) = vocabulary.begin_and_end();
        ChatTemplate::new(source, begin, end)
    };
    let template = match source.map(compiled) {
        None => return Format::None,
        Some(Ok(template)) => template,
        Some(Err(error)) => {
            tracing::error!(%error, "the model's chat template cannot be used; chats will be refused");
            return Format::None;
        }
    };
    Format::Jinja(Box::new(match for_tools.map(compiled) {
        None => template,
        Some(Ok(other)) => template.and_for_tools(other),
        Some(Err(error)) => {
            tracing::warn!(%error, "the model's chat template for tools cannot be used");
            template
        }
    }))
}

/// llama.cpp's numbers.
fn policy(choice: FlashAttention) -> i32 {
    match choice {
        FlashAttention::Auto => -1,
        FlashAttention::Off => 0,
        FlashAttention::On => 1,
    }
}

fn cache_type(kv_type: KvType) -> KvCacheType {
    match kv_type {
        KvType::F32 => KvCacheType::F32,
        KvType::F16 => KvCacheType::F16,
        KvType::Bf16 => KvCacheType::BF16,
        KvType::Q8_0 => KvCacheType::Q8_0,
        KvType::Q5_1 => KvCacheType::Q5_1,
        KvType::Q5_0 => KvCacheType::Q5_0,
        KvType::Q4_1 => KvCacheType::Q4_1,
        KvType::Q4_0 => KvCacheType::Q4_0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_take_what_is_set_or_what_the_model_leaves() {
        let config = Config { cache_bytes: bytesize::ByteSize(100), ..Config::default() };
        assert_eq!(cache_bytes(&config, None), 100);
        assert_eq!(cache_bytes(&config, Some(100)), 100);
        assert_eq!(cache_bytes(&config, Some(7)), 7);
    }

    #[test]
    fn flash_attention_is_off_where_it_is_slower_and_not_needed() {
        let of = |flash_attention, kv_type, on_gpu| {
            super::flash_attention(&Config { flash_attention, kv_type, ..Config::default() }, on_gpu)
        };
        use FlashAttention::{Auto, Off, On};
        assert_eq!(of(Auto, KvType::F16, false), Off);
        assert_eq!(of(Auto, KvType::F16, true), Auto);
        assert_eq!(of(Auto, KvType::Q8_0, false), Auto);
        assert_eq!(of(On, KvType::F16, false), On);
        assert_eq!(of(Off, KvType::F16, true), Off);
    }
}
