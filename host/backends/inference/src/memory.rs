//! Compares what a model needs with what the machine has, before it is loaded.
//!
//! Where either side cannot be known simply, nothing is refused: llama.cpp then finds out.

use std::path::Path;

use llama_cpp_2::gguf::GgufContext;

use crate::{Config, Device, config::KvType};

/// GGUF's number for its type `uint32`.
const GGUF_UINT32: u32 = 4;

/// Bytes that a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    /// The file, which is mapped or copied to the device.
    pub weights: u64,
    /// Keys and values of every conversation; 0 where the file does not tell.
    pub cache: u64,
}

impl Need {
    /// What `config`'s model takes, by its file.
    pub fn of(config: &Config) -> std::io::Result<Self> {
        let weights = std::fs::metadata(&config.model)?.len();
        let tokens = u64::from(config.n_ctx) * u64::from(config.parallel);
        let cache = Shape::of(&config.model).map_or(0, |shape| shape.bytes(tokens, config.kv_type));
        Ok(Self { weights, cache })
    }

    /// Refuses, with the numbers, what does not fit into `available` bytes. Gives what is left of them.
    pub fn check(self, available: Option<u64>) -> Result<Option<u64>, String> {
        let needed = self.weights + self.cache;
        match available {
            Some(available) if needed > available => Err(format!(
                "the model needs {} ({} of weights and {} of KV cache), and {} are available; choose a \
                 smaller model, or lower inference.n_ctx or inference.parallel",
                mebibytes(needed),
                mebibytes(self.weights),
                mebibytes(self.cache),
                mebibytes(available)
            )),
            Some(available) => Ok(Some(available - needed)),
            None => Ok(None),
        }
    }
}

/// Bytes that are free for a model: the machine's, within its control group, and the graphics processors'.
pub(crate) fn available(gpus: &[&Device]) -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let machine = meminfo_available(&meminfo)?;
    let host = control_group().map_or(machine, |group| group.min(machine));
    let gpus: u64 = gpus.iter().map(|device| device.free).sum();
    Some(host.saturating_add(gpus))
}

/// For people.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// What the memory of a conversation follows from.
struct Shape {
    layers: u64,
    kv_heads: u64,
    /// Numbers of a key, and of a value, in each head.
    key: u64,
    value: u64,
}

impl Shape {
    fn of(path: &Path) -> Option<Self> {
        let file = GgufContext::from_file(path)?;
        let architecture = file.find_key("general.architecture");
        let architecture = if architecture < 0 { None } else { file.val_str(architecture) }?;
        let number = |key: &str| {
            let index = file.find_key(&format!("{architecture}.{key}"));
            (index >= 0 && file.kv_type(index) == GGUF_UINT32).then(|| u64::from(file.val_u32(index)))
        };
        let heads = number("attention.head_count")?.max(1);
        let head = number("embedding_length")? / heads;
        Some(Self {
            layers: number("block_count")?,
            kv_heads: number("attention.head_count_kv").unwrap_or(heads),
            key: number("attention.key_length").unwrap_or(head),
            value: number("attention.value_length").unwrap_or(head),
        })
    }

    /// Bytes that so many tokens take, over all layers.
    fn bytes(&self, tokens: u64, kv_type: KvType) -> u64 {
        let values = self.layers * self.kv_heads * (self.key + self.value);
        values * tokens * kv_type.bytes_of_32() / 32
    }
}

fn meminfo_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// What is left of the limit of this process's control group (version 2), if it has one.
fn control_group() -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(name)).ok();
    let limit = read("memory.max")?.trim().parse::<u64>().ok()?;
    let used = read("memory.current")?.trim().parse::<u64>().ok()?;
    // Pages of files count as used and are given back on demand.
    let files = read("memory.stat").and_then(|stat| {
        stat.lines().find_map(|line| line.strip_prefix("inactive_file "))?.parse::<u64>().ok()
    });
    Some(limit.saturating_sub(used.saturating_sub(files.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_the_numbers() {
        let need = Need { weights: 100 << 20, cache: 20 << 20 };
        assert_eq!(need.check(None), Ok(None));
        assert_eq!(need.check(Some(123 << 20)), Ok(Some(3 << 20)));
        let message = need.check(Some(119 << 20)).unwrap_err();
        for number in ["120 MiB", "100 MiB", "20 MiB", "119 MiB"] {
            assert!(message.contains(number), "{message}");
        }
    }

    #[test]
    fn meminfo_is_read_in_bytes() {
        assert_eq!(meminfo_available("MemTotal: 9 kB\nMemAvailable:      2048 kB\n"), Some(2 << 20));
        assert_eq!(meminfo_available("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn the_cache_of_the_small_model_is_known_before_it_is_loaded() {
        let model =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.corral/models/smollm2-135m-instruct-q4_1.gguf");
        let config = Config { model: model.into(), n_ctx: 2048, parallel: 4, ..Config::default() };
        let need = Need::of(&config).expect("the model is missing: run `make setup`");
        // 30 layers, 3 heads of 64 keys and 64 values, 2 bytes each.
        assert_eq!(need.cache, 30 * 3 * 128 * 2 * 2048 * 4);
    }

    #[test]
    fn the_tables_of_the_manual_are_what_is_computed_here() {
        let page = include_str!("../../../../docs/operations.md");
        let has = |row: String| assert!(page.contains(&row), "docs/operations.md lacks {row}");
        let grouped = |number: u64| match (number / 1000, number % 1000) {
            (0, rest) => rest.to_string(),
            (thousands, rest) => format!("{thousands},{rest:03}"),
        };
        let model =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.corral/models/smollm2-135m-instruct-q4_1.gguf");
        let small = Shape::of(Path::new(model)).expect("the model is missing: run `make setup`");
        let llama = Shape { layers: 32, kv_heads: 32, key: 128, value: 128 };
        for (name, shape) in [("SmolLM2-135M", &small), ("Llama-2-7B", &llama)] {
            let Shape { layers, kv_heads, key, .. } = shape;
            let [full, half] = [KvType::F16, KvType::Q8_0].map(|kind| grouped(shape.bytes(1, kind)));
            has(format!("| {name} | {layers} | {kv_heads} | {key} | {full} | {half} |"));
        }
        // The file's size is in the catalogue of `corral models`.
        let weights: u64 = 4_081_004_224;
        has(format!("{} MiB of weights", grouped(weights.div_ceil(1 << 20))));
        for gibibytes in [16, 24, 48, 80] {
            let room = (gibibytes << 30) - weights - (1 << 30);
            let columns = [KvType::F16, KvType::Q8_0].map(|kind| {
                let place = llama.bytes(4096, kind);
                format!("{} MiB | {}", grouped(place >> 20), room / place)
            });
            has(format!("| {gibibytes} GiB | {} |", columns.join(" | ")));
        }
    }
}
