//! What a model takes, by its file: known before it is loaded.
//!
//! Not here: where that goes (`placement`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use llama_cpp_2::gguf::GgufContext;

use crate::{
    Config,
    config::{KvType, first_of_several},
    ffi,
};

/// GGUF's numbers for two of its types.
const GGUF_UINT32: u32 = 4;
const GGUF_STRING: u32 = 8;
/// llama.cpp knows of 512 (`LLAMA_MAX_LAYERS`).
const MOST_LAYERS: usize = 1024;
/// What a model has that remembers otherwise than by keys and values of each layer.
const REMEMBERS_OTHERWISE: [&str; 4] =
    ["ssm.conv_kernel", "wkv.head_size", "shortconv.l_cache", "attention.kv_lora_rank"];

/// Bytes of one part of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub weights: u64,
    /// Keys and values of all conversations; 0 where the file does not tell.
    pub cache: u64,
}

impl Part {
    /// Both.
    pub fn bytes(self) -> u64 {
        self.weights.saturating_add(self.cache)
    }

    /// So much of it.
    pub fn fraction(self, fraction: f32) -> Self {
        let of = |bytes: u64| (bytes as f64 * f64::from(fraction)) as u64;
        Self { weights: of(self.weights), cache: of(self.cache) }
    }

    /// The two of them together.
    pub fn and(self, other: Self) -> Self {
        Self {
            weights: self.weights.saturating_add(other.weights),
            cache: self.cache.saturating_add(other.cache),
        }
    }
}

/// Bytes that a model takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// What is looked up at the beginning, and whatever is in the file beside its layers: stays with the processor.
    pub input: u64,
    /// In the order in which they are computed; none where the file does not tell.
    pub layers: Vec<Part>,
    /// The last one, which gives the odds of tokens. llama.cpp copies it from the input, where it has no weights of its
    /// own and goes to a graphics processor.
    pub output: u64,
    /// Bytes of that copy.
    pub tied: u64,
}

impl Footprint {
    /// What `config`'s model takes, by its files.
    pub fn of(config: &Config) -> Result<Self, String> {
        let mut all = Self { input: 0, layers: Vec::new(), output: 0, tied: 0 };
        for file in parts(&config.model) {
            match ffi::tensors(&file) {
                Some(tensors) => tensors.iter().for_each(|(name, bytes)| all.add(name, *bytes)),
                None => all.input = all.input.saturating_add(length(&file)?),
            }
        }
        if all.output > 0 {
            all.tied = 0;
        }
        if let Some(shape) = Shape::of(&config.model) {
            let context = u64::from(config.n_ctx).min(shape.trained);
            let tokens = context * u64::from(config.parallel);
            let cache = shape.bytes_of_layer(tokens, config.kv_type);
            let layers = usize::try_from(shape.layers).unwrap_or(usize::MAX);
            all.layers.iter_mut().take(layers).for_each(|layer| layer.cache = cache);
        }
        Ok(all)
    }

    fn add(&mut self, tensor: &str, bytes: u64) {
        let layer =
            tensor.strip_prefix("blk.").and_then(|rest| rest.split_once('.')?.0.parse::<usize>().ok());
        let part = match (layer.filter(|&layer| layer < MOST_LAYERS), tensor) {
            (Some(layer), _) => {
                let count = self.layers.len().max(layer + 1);
                self.layers.resize(count, Part::default());
                &mut self.layers[layer].weights
            }
            (None, "output.weight") => &mut self.output,
            (None, _) => &mut self.input,
        };
        *part = part.saturating_add(bytes);
        if tensor == "token_embd.weight" {
            self.tied = bytes;
        }
    }

    /// Keys and values of every conversation.
    pub fn cache(&self) -> u64 {
        self.layers.iter().fold(Part::default(), |sum, layer| sum.and(*layer)).cache
    }
}

fn length(file: &Path) -> Result<u64, String> {
    let metadata = fs::metadata(file).map_err(|error| format!("reading {}: {error}", file.display()))?;
    Ok(metadata.len())
}

/// The files of a model: the one that is named, or all where it is the first of several.
fn parts(first: &Path) -> Vec<PathBuf> {
    let numbered = || {
        let (name, count) = first_of_several(first.file_stem()?.to_str()?)?;
        let all = 1..=count.parse::<u32>().ok()?;
        Some(all.map(|number| first.with_file_name(format!("{name}-{number:05}-of-{count}.gguf"))).collect())
    };
    numbered().unwrap_or_else(|| vec![first.to_owned()])
}

/// What the memory of a conversation follows from.
struct Shape {
    layers: u64,
    /// Tokens that it was trained for: it gets no more.
    trained: u64,
    kv_heads: u64,
    /// Numbers of a key, and of a value, in each head.
    key: u64,
    value: u64,
}

impl Shape {
    fn of(path: &Path) -> Option<Self> {
        let file = GgufContext::from_file(path)?;
        let architecture = file.find_key("general.architecture");
        // llama.cpp ends the process if it is asked for a value of another type.
        let named = architecture >= 0 && file.kv_type(architecture) == GGUF_STRING;
        let architecture = if named { file.val_str(architecture) } else { None }?;
        let place = |key: &str| Some(file.find_key(&format!("{architecture}.{key}"))).filter(|&at| at >= 0);
        if REMEMBERS_OTHERWISE.iter().any(|key| place(key).is_some()) {
            return None;
        }
        let number = |at: i64| (file.kv_type(at) == GGUF_UINT32).then(|| u64::from(file.val_u32(at)));
        let heads = number(place("attention.head_count")?)?.max(1);
        let head = number(place("embedding_length")?)? / heads;
        // Where a number is not the same for all layers, it is a list.
        let or = |key: &str, otherwise: u64| place(key).map_or(Some(otherwise), number);
        Some(Self {
            layers: number(place("block_count")?)?,
            trained: or("context_length", u64::MAX)?,
            kv_heads: or("attention.head_count_kv", heads)?,
            key: or("attention.key_length", head)?,
            value: or("attention.value_length", head)?,
        })
    }

    /// Bytes that so many tokens take in each layer.
    fn bytes_of_layer(&self, tokens: u64, kv_type: KvType) -> u64 {
        let numbers =
            self.kv_heads.saturating_mul(self.key.saturating_add(self.value)).saturating_mul(tokens);
        numbers.saturating_mul(kv_type.bytes_of_32()) / 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.corral/models/smollm2-135m-instruct-q4_1.gguf");

    #[test]
    fn the_parts_of_the_small_model_are_known_before_it_is_loaded() {
        let config = Config { model: MODEL.into(), n_ctx: 2048, parallel: 4, ..Config::default() };
        let all = Footprint::of(&config).expect("the model is missing: run `make setup`");
        assert_eq!(all.layers.len(), 30);
        // 30 layers, 3 heads of 64 keys and 64 values, 2 bytes each.
        assert_eq!(all.cache(), 30 * 3 * 128 * 2 * 2048 * 4);
        // It was trained for 8,192 tokens.
        let long = Footprint::of(&Config { n_ctx: 100_000, ..config }).unwrap();
        assert_eq!(long.cache(), all.cache() * 4);
        // Its odds are computed with the table of its tokens, which is all that is not in a layer but 576 numbers.
        assert_eq!((all.output, all.input - all.tied), (0, 576 * 4));
        let weights = all.input + all.layers.iter().map(|layer| layer.weights).sum::<u64>();
        let file = fs::metadata(MODEL).unwrap().len();
        assert!(weights < file && file - weights < 4 << 20, "{weights} of {file}");
        assert!(all.layers.iter().all(|layer| layer.weights > 1 << 20), "{:?}", all.layers);
    }

    #[test]
    fn what_is_no_model_is_counted_whole() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("noise.gguf");
        fs::write(&model, [7; 1000]).unwrap();
        let all = Footprint::of(&Config { model, ..Config::default() }).unwrap();
        assert_eq!(all, Footprint { input: 1000, layers: Vec::new(), output: 0, tied: 0 });
        // The first of two files, without the second.
        let first = folder.path().join("noise-00001-of-00002.gguf");
        fs::write(&first, [7; 1000]).unwrap();
        let error = Footprint::of(&Config { model: first, ..Config::default() }).unwrap_err();
        assert!(error.contains("noise-00002-of-00002.gguf"), "{error}");
    }

    #[test]
    fn a_model_in_several_files_is_counted_whole() {
        let names = |first: &str| parts(Path::new(first));
        assert_eq!(names("m/a.gguf"), [Path::new("m/a.gguf")]);
        assert_eq!(names("m/a-00002-of-00002.gguf"), [Path::new("m/a-00002-of-00002.gguf")]);
        let two = [Path::new("m/a-00001-of-00002.gguf"), Path::new("m/a-00002-of-00002.gguf")];
        assert_eq!(names("m/a-00001-of-00002.gguf"), two);
        assert_eq!(names("m/a-00001-of-many.gguf"), [Path::new("m/a-00001-of-many.gguf")]);
    }

    /// The head of a model with one layer and these numbers, each of 32 bits.
    /// <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>
    fn gguf(architecture: &str, numbers: &[(&str, u32)]) -> Vec<u8> {
        const VERSION: u32 = 3;
        const DATA: usize = 128;
        let string = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
        let mut file = [&b"GGUF"[..], &VERSION.to_le_bytes(), &1u64.to_le_bytes()].concat();
        file.extend((numbers.len() as u64 + 1).to_le_bytes());
        file.extend([string("general.architecture"), GGUF_STRING.to_le_bytes().into()].concat());
        file.extend(string(architecture));
        for (key, number) in numbers {
            file.extend(string(&format!("{architecture}.{key}")));
            file.extend([GGUF_UINT32.to_le_bytes(), number.to_le_bytes()].concat());
        }
        // One dimension of 32 numbers of type 0 (f32), at the beginning of the data.
        file.extend(string("blk.0.weight"));
        file.extend([&1u32.to_le_bytes()[..], &32u64.to_le_bytes(), &0u32.to_le_bytes(), &[0; 8]].concat());
        file.resize(file.len().next_multiple_of(32) + DATA, 0);
        file
    }

    #[test]
    fn a_model_that_remembers_otherwise_has_no_cache_of_keys() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.gguf");
        let cache = |further: &[(&str, u32)]| {
            let ordinary = [("block_count", 1), ("embedding_length", 64), ("attention.head_count", 2)];
            fs::write(&model, gguf("mamba", &[&ordinary, further].concat())).unwrap();
            let config = Config { model: model.clone(), n_ctx: 100, parallel: 1, ..Config::default() };
            Footprint::of(&config).unwrap().cache()
        };
        // 64 keys and 64 values, 2 bytes each.
        assert_eq!(cache(&[("context_length", 1000)]), 128 * 2 * 100);
        for key in ["ssm.conv_kernel", "wkv.head_size", "shortconv.l_cache", "attention.kv_lora_rank"] {
            assert_eq!(cache(&[(key, 4)]), 0, "{key}");
        }
    }

    #[test]
    fn the_tables_of_the_manual_are_what_is_computed_here() {
        let page = include_str!("../../../../docs/operations.md");
        let has = |row: String| assert!(page.contains(&row), "docs/operations.md lacks {row}");
        let grouped = |number: u64| match (number / 1000, number % 1000) {
            (0, rest) => rest.to_string(),
            (thousands, rest) => format!("{thousands},{rest:03}"),
        };
        let bytes = |shape: &Shape, tokens, kv_type| shape.layers * shape.bytes_of_layer(tokens, kv_type);
        let small = Shape::of(Path::new(MODEL)).expect("the model is missing: run `make setup`");
        let llama = Shape { layers: 32, trained: 4096, kv_heads: 32, key: 128, value: 128 };
        for (name, shape) in [("SmolLM2-135M", &small), ("Llama-2-7B", &llama)] {
            let Shape { layers, kv_heads, key, .. } = shape;
            let [full, half] = [KvType::F16, KvType::Q8_0].map(|kind| grouped(bytes(shape, 1, kind)));
            has(format!("| {name} | {layers} | {kv_heads} | {key} | {full} | {half} |"));
        }
        // The file's size is in the catalogue of `corral models`.
        let weights: u64 = 4_081_004_224;
        has(format!("{} MiB of weights", grouped(weights.div_ceil(1 << 20))));
        for gibibytes in [16, 24, 48, 80] {
            let room = (gibibytes << 30) - weights - (1 << 30);
            let columns = [KvType::F16, KvType::Q8_0].map(|kind| {
                let place = bytes(&llama, 4096, kind);
                format!("{} MiB | {}", grouped(place >> 20), room / place)
            });
            has(format!("| {gibibytes} GiB | {} |", columns.join(" | ")));
        }
    }
}
