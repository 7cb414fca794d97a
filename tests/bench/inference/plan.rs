//! What both sides run with, and how much is measured.

#![expect(clippy::disallowed_methods, reason = "this is where the benches read the environment")]

use anyhow::{Context, Result, ensure};
use std::{env, fs, path::PathBuf, str::FromStr, thread};

/// What both sides run with. Each is set by the variable that the host itself has for it.
#[derive(Clone)]
pub struct Plan {
    pub model: PathBuf,
    pub threads: u32,
    /// For each conversation.
    pub n_ctx: u32,
    pub n_batch: u32,
    pub n_ubatch: u32,
    pub parallel: u32,
    /// llama-server, or a script that ends with `exec`ing it.
    pub llama_server: Option<PathBuf>,
    /// A second llama-server stands in for Corral. What the ratios then are apart from 1 is noise.
    pub control: bool,
    /// Less of everything, to see whether it works.
    pub short: bool,
}

impl Plan {
    /// As the environment says.
    pub fn read() -> Result<Self> {
        let cores = thread::available_parallelism()?.get();
        let model = e2e::root().join(".corral/models/smollm2-135m-instruct-q4_1.gguf");
        let plan = Self {
            model: variable("CORRAL_INFERENCE__MODEL")?.unwrap_or(model),
            threads: variable("CORRAL_INFERENCE__THREADS")?.unwrap_or(u32::try_from(cores)?),
            n_ctx: variable("CORRAL_INFERENCE__N_CTX")?.unwrap_or(2048),
            n_batch: variable("CORRAL_INFERENCE__N_BATCH")?.unwrap_or(512),
            n_ubatch: variable("CORRAL_INFERENCE__N_UBATCH")?.unwrap_or(512),
            parallel: variable("CORRAL_INFERENCE__PARALLEL")?.unwrap_or(4),
            llama_server: variable("LLAMA_SERVER")?,
            control: is_set("BENCH_CONTROL"),
            short: is_set("BENCH_SHORT"),
        };
        ensure!(plan.model.is_file(), "{} is missing: run `make setup`", plan.model.display());
        ensure!(!plan.control || plan.llama_server.is_some(), "BENCH_CONTROL needs LLAMA_SERVER");
        Ok(plan)
    }

    /// One of two amounts.
    pub fn amount<T>(&self, whole: T, short: T) -> T {
        if self.short { short } else { whole }
    }

    /// What llama-server is told: what serves it best. With a cache for all places together each answer costs some 5 %
    /// more, and what it keeps of earlier conversations in memory, by default, is what saves it from reading them again.
    pub fn arguments(&self) -> Vec<String> {
        let Self { model, threads, n_batch, n_ubatch, parallel, .. } = self;
        let context = self.n_ctx * parallel;
        let numbers =
            format!("-t {threads} -tb {threads} -c {context} -b {n_batch} -ub {n_ubatch} -np {parallel}");
        let model = ["-m".to_owned(), model.display().to_string()];
        let rest = numbers.split(' ').chain(["-no-kvu", "--no-webui"]).map(str::to_owned);
        model.into_iter().chain(rest).collect()
    }

    /// Says what is compared, and how busy the machine is with other things.
    pub fn print(&self) {
        let name = self.model.file_stem().unwrap_or_default().display();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or("unknown");
        let Self { threads, n_ctx, n_batch, n_ubatch, parallel, .. } = self;
        println!(
            "{name}, {threads} thread(s), {parallel} places of {n_ctx} tokens, batches of {n_batch}/{n_ubatch}; \
             load average before: {load}"
        );
        if self.llama_server.is_none() {
            println!(
                "  Corral alone. LLAMA_SERVER=/path/to/llama-server adds llama.cpp's server, and ratios."
            );
        }
    }
}

/// A variable, unless it is unset or empty.
fn variable<T: FromStr<Err: Into<anyhow::Error>>>(name: &str) -> Result<Option<T>> {
    let Some(value) = env::var(name).ok().filter(|value| !value.is_empty()) else { return Ok(None) };
    let value = value.parse().map_err(Into::into).with_context(|| format!("{name}={value}"))?;
    Ok(Some(value))
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}
