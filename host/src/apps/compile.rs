//! Compiles a component in another process, which may be ended: a component can be written so that compiling it takes
//! any time and memory, and a compiler cannot be interrupted.
//!
//! The other process is this program again (`corral compile`). It leaves the result in the cache, whose digests show
//! that it is whole.

use super::cache::Cache;
use anyhow::{Context, bail};
use bytesize::ByteSize;
use corral_wasm::guest;
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// The most that is read of a composed component: two of the largest.
const MAX_COMPOSED: u64 = 130 << 20;
/// Requests come first, and yet a busy host can be deployed to: beside two busy threads a core, a compiler at 19 has a
/// 150th of a core, and at 10 a 20th (`man 7 sched`).
const NICENESS: i32 = 10;
/// Of what the other process says.
const MAX_WORDS: usize = 2_000;

/// What the other process may use.
#[derive(Debug, Clone)]
pub(super) struct Outside {
    pub cache: PathBuf,
    pub memory: ByteSize,
    pub time: Duration,
}

impl Outside {
    /// Compiles into the cache.
    pub async fn compile(&self, composed: &[u8]) -> anyhow::Result<()> {
        let mut child = Command::new(this_program()?)
            .arg("compile")
            .arg(&self.cache)
            .arg(self.memory.as_u64().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting the compiler")?;
        let mut stdin = child.stdin.take().context("the compiler reads nothing")?;
        let done = async {
            let (given, ended) = tokio::join!(
                async {
                    let given = stdin.write_all(composed).await;
                    drop(stdin);
                    given
                },
                child.wait_with_output()
            );
            ended.map(|ended| (given, ended))
        };
        // Dropping what is not done ends the other process.
        let Ok(done) = timeout(self.time, done).await else {
            bail!(
                "compiling took longer than {} (deploy.compile_timeout)",
                humantime::format_duration(self.time)
            );
        };
        let (given, ended) = done.context("waiting for the compiler")?;
        if ended.status.success() {
            return given.context("handing the component to the compiler");
        }
        let words = String::from_utf8_lossy(&ended.stderr);
        let words: String = words.trim().chars().take(MAX_WORDS).collect();
        let memory = self.memory;
        bail!("the compiler ended with {}, having {memory} (deploy.compile_memory): {words}", ended.status)
    }
}

/// On Linux also after its file was replaced.
fn this_program() -> anyhow::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe().context("looking for this program")
}

/// The other process's part: compiles what comes on standard input into `cache`, within `memory` bytes.
pub fn compile(cache: &Path, memory: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::As);
    // Whoever is being answered comes first.
    nice(NICENESS).context("lowering the priority")?;
    setrlimit(Resource::As, Rlimit { current: Some(memory), ..limit }).context("bounding the memory")?;
    let mut composed = Vec::new();
    io::stdin().take(MAX_COMPOSED).read_to_end(&mut composed).context("reading the component")?;
    // Who asked for it keeps the folder within its limit.
    let cache = Cache::open(cache, u64::MAX)?;
    cache.compile(&guest::Engine::compiler()?, &composed)
}
