//! Where the parts of a model go, as llama.cpp divides them (`llama_model_base::load_tensors`), and whether there is room.
//!
//! Not here: what the parts take (`footprint`), and which devices there are (`devices`). What is computed with takes some
//! memory too, which only llama.cpp knows.

use crate::{
    Config, Device, Split,
    footprint::{Footprint, Part},
    memory::mebibytes,
};

/// A model, and the graphics processors that it may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement<'a> {
    pub config: &'a Config,
    pub footprint: &'a Footprint,
    pub gpus: &'a [&'a Device],
}

/// What is taken of the machine's memory, and of each graphics processor's.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shares {
    host: Part,
    gpus: Vec<Part>,
}

/// A memory that has less than a model takes of it.
struct Lack {
    whose: String,
    need: Part,
    free: u64,
}

impl Placement<'_> {
    /// Refuses, with the numbers, what does not fit; `free` is what the machine has of its own memory. Gives what is left
    /// of that. What is not known is not compared: llama.cpp finds out then.
    pub fn check(&self, free: Option<u64>) -> Result<Option<u64>, String> {
        let shares = self.shares(self.offloaded());
        let Some(Lack { whose, need, free: there }) = self.lack(&shares, free) else {
            return Ok(free.map(|free| free.saturating_sub(shares.host.bytes())));
        };
        let fits = |layers: &usize| self.lack(&self.shares(*layers), free).is_none();
        let advice = (0..=self.most()).rev().find(fits).map_or_else(String::new, |layers| {
            format!("; there would be room with inference.n_gpu_layers = {layers}")
        });
        Err(format!(
            "the model needs {} of {whose}'s memory ({} of weights and {} of KV cache), and {} are available; choose a \
             smaller model, or lower inference.n_ctx or inference.parallel{advice}",
            mebibytes(need.bytes()),
            mebibytes(need.weights),
            mebibytes(need.cache),
            mebibytes(there)
        ))
    }

    /// Tells in the log what each graphics processor gets.
    pub fn tell(&self) {
        for (gpu, part) in self.gpus.iter().zip(self.shares(self.offloaded()).gpus) {
            let (weights, kv_cache) = (mebibytes(part.weights), mebibytes(part.cache));
            tracing::info!(device = gpu.name, weights, kv_cache, "inference device gets");
        }
    }

    /// Layers that could go to graphics processors: the output is one too.
    fn most(&self) -> usize {
        if self.gpus.is_empty() { 0 } else { self.footprint.layers.len() + 1 }
    }

    /// Those that do.
    fn offloaded(&self) -> usize {
        usize::try_from(self.config.n_gpu_layers).map_or(self.most(), |layers| layers.min(self.most()))
    }

    fn lack(&self, shares: &Shares, free: Option<u64>) -> Option<Lack> {
        let host = free.map(|free| Lack { whose: "the machine".into(), need: shares.host, free });
        let of =
            |(gpu, need): (&&Device, &Part)| Lack { whose: gpu.name.clone(), need: *need, free: gpu.free };
        let known = self.gpus.iter().zip(&shares.gpus).map(of).filter(|gpu| gpu.free > 0);
        host.into_iter().chain(known).find(|memory| memory.need.bytes() > memory.free)
    }

    /// What is taken of each memory with so many layers on graphics processors, the last ones.
    fn shares(&self, offloaded: usize) -> Shares {
        let Footprint { input, layers, output, tied } = self.footprint;
        let here = layers.len() + 1 - offloaded;
        let mut shares =
            Shares { host: Part { weights: *input, cache: 0 }, gpus: vec![Part::default(); self.gpus.len()] };
        let last =
            Part { weights: if offloaded > 0 { output.saturating_add(*tied) } else { *output }, cache: 0 };
        for (number, part) in layers.iter().chain([&last]).enumerate() {
            match number.checked_sub(here) {
                None => shares.host = shares.host.and(*part),
                Some(number) => self.spread(&mut shares.gpus, *part, number as f32 / offloaded as f32),
            }
        }
        shares
    }

    /// Gives a layer to its graphics processor; `place` is between 0, the first layer there, and 1.
    fn spread(&self, gpus: &mut [Part], part: Part, place: f32) {
        let ends = self.ends();
        let begins = [0.0].into_iter().chain(ends.iter().copied());
        match self.config.split {
            Split::Layer => {
                let whose = ends.iter().position(|&end| end > place).unwrap_or(gpus.len() - 1);
                gpus[whose] = gpus[whose].and(part);
            }
            Split::Tensor => {
                for ((gpu, end), begin) in gpus.iter_mut().zip(&ends).zip(begins) {
                    *gpu = gpu.and(part.fraction(end - begin));
                }
            }
            Split::None => {
                let main = self.config.main_gpu as usize;
                gpus[main] = gpus[main].and(part);
            }
        }
    }

    /// Where each graphics processor's share of the layers ends, the whole being 1.
    fn ends(&self) -> Vec<f32> {
        let told = &self.config.tensor_split;
        let by_memory = || self.gpus.iter().map(|gpu| gpu.free as f32).collect();
        let shares: Vec<f32> = if told.is_empty() { by_memory() } else { told.clone() };
        let whole: f32 = shares.iter().sum();
        let sum = |sum: &mut f32, share: &f32| {
            *sum += share;
            Some(*sum / whole)
        };
        shares.iter().scan(0.0, sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Ten layers of 100 MiB and 10 MiB of cache, an input of 50 that the output copies.
    fn footprint() -> Footprint {
        let layer = Part { weights: 100 * MIB, cache: 10 * MIB };
        Footprint { input: 50 * MIB, layers: vec![layer; 10], output: 0, tied: 50 * MIB }
    }

    fn gpus(free: &[u64]) -> Vec<Device> {
        let gpu = |(number, free): (usize, &u64)| Device::gpu(&format!("GPU{number}"), free * MIB);
        free.iter().enumerate().map(gpu).collect()
    }

    /// Mebibytes of the host, and of each graphics processor.
    fn shares(config: &Config, free: &[u64]) -> (u64, Vec<u64>) {
        let (footprint, gpus) = (footprint(), gpus(free));
        let gpus: Vec<_> = gpus.iter().collect();
        let placement = Placement { config, footprint: &footprint, gpus: &gpus };
        let Shares { host, gpus } = placement.shares(placement.offloaded());
        (host.bytes() / MIB, gpus.iter().map(|part| part.bytes() / MIB).collect())
    }

    fn check(config: &Config, free: &[u64], host: u64) -> Result<Option<u64>, String> {
        let (footprint, gpus) = (footprint(), gpus(free));
        let gpus: Vec<_> = gpus.iter().collect();
        let left = Placement { config, footprint: &footprint, gpus: &gpus }.check(Some(host * MIB))?;
        Ok(left.map(|left| left / MIB))
    }

    #[test]
    fn layers_go_where_llama_cpp_puts_them() {
        let all = Config::default();
        assert_eq!(shares(&all, &[]), (50 + 1100, vec![]));
        assert_eq!(shares(&all, &[9000]), (50, vec![1100 + 50]));
        let some = Config { n_gpu_layers: 4, ..Config::default() };
        assert_eq!(shares(&some, &[9000]), (50 + 7 * 110, vec![3 * 110 + 50]));
        assert_eq!(shares(&Config { n_gpu_layers: 99, ..Config::default() }, &[9000]), (50, vec![1150]));
        // Eleven layers: by memory, six and five, and by what is told, nine and two.
        assert_eq!(shares(&all, &[4000, 4000]), (50, vec![6 * 110, 4 * 110 + 50]));
        let told = Config { tensor_split: vec![4.0, 1.0], ..Config::default() };
        assert_eq!(shares(&told, &[4000, 4000]), (50, vec![9 * 110, 110 + 50]));
        let main = Config { split: Split::None, main_gpu: 1, ..Config::default() };
        assert_eq!(shares(&main, &[4000, 4000]), (50, vec![0, 1150]));
        let tensor = Config { split: Split::Tensor, tensor_split: vec![4.0, 1.0], ..Config::default() };
        let (host, gpus) = shares(&tensor, &[4000, 4000]);
        assert!(host == 50 && gpus[0].abs_diff(920) < 2 && gpus[1].abs_diff(230) < 2, "{gpus:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_numbers_and_what_would() {
        let config = Config::default();
        assert_eq!(check(&config, &[], 1200), Ok(Some(50)));
        let refused = check(&config, &[], 1149).unwrap_err();
        for told in
            ["1150 MiB of the machine's memory", "1050 MiB of weights", "100 MiB of KV", "1149 MiB are"]
        {
            assert!(refused.contains(told), "{told}: {refused}");
        }
        assert!(!refused.contains("n_gpu_layers"), "{refused}");

        assert_eq!(check(&config, &[1150], 60), Ok(Some(10)));
        let refused = check(&config, &[400], 2000).unwrap_err();
        assert!(
            refused.contains("1150 MiB of GPU0's memory") && refused.contains("400 MiB are"),
            "{refused}"
        );
        assert!(refused.contains("n_gpu_layers = 4"), "three layers and the output: {refused}");
        let refused = check(&config, &[400], 500).unwrap_err();
        assert!(!refused.contains("n_gpu_layers"), "nothing fits: {refused}");
        // Where more would fit on the graphics processor.
        let few = Config { n_gpu_layers: 1, ..Config::default() };
        assert!(check(&few, &[1150], 60).unwrap_err().contains("n_gpu_layers = 11"));

        let uneven = Config { tensor_split: vec![4.0, 1.0], ..Config::default() };
        assert!(check(&uneven, &[600, 600], 2000).unwrap_err().contains("990 MiB of GPU0's"));
        // One that does not tell what it has free is not compared.
        assert_eq!(check(&config, &[0], 60), Ok(Some(10)));
    }
}
