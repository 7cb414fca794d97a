//! What the host costs: a trivial route against a plain hyper server, streams that are open, replacements of the logic, a
//! turn stage by stage, the stores against each other and against Python, and text generation against llama.cpp's own
//! server.
//!
//! All sides of a comparison run in turns in one run, under the same load; the figure that
//! counts is their ratio. `cargo bench --workspace --bench corral -- --help` names the parts.

#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

mod inference;
mod load;
mod plain;
mod route;
mod spin;
mod stores;
mod streams;
mod swap;
mod turn;

use anyhow::{Result, bail};
use inference::Scenario;

const HELP: &str = "\
Usage: cargo bench --workspace --bench corral -- [PART]...

Parts, all of them if none is named:
  route          a trivial route against plain hyper, and against wasmtime serve
  spin           the same Spin application here and, if SPIN names the program, on stock Spin
  streams        memory and processor time of open streams, from 1 to 1,000
  swap           replacing the chat logic: what it takes, and what clients notice
  turn           where the time of a chat turn goes
  sessions       the session stores, and redis-py
  vectors        the vector stores, and the Python client of Chroma
  stores         sessions and vectors
  speed          tokens a second and time to the first, for 1 to 16 users
  conversations  more conversations than the engine has places for
  interference   a long prompt that comes while others get their answers
  grounded       turns with passages that change, Corral's sessions against the usual layout
  memory         what the model takes, as computed and as measured
  inference      speed, conversations, interference, grounded and memory

  whole          has Chroma filled with all 100,000 passages twice, whatever time that takes

`spin` has stock Spin beside Corral if SPIN names the program, by an absolute path; its models are then Corral's too.
`route` has `wasmtime serve` beside Corral if WASMTIME names the program, by an absolute path.
The parts of `inference` have llama.cpp's server beside Corral if a variable names it, by an absolute path:
  LLAMA_SERVER=/usr/bin/llama-server cargo bench --workspace --bench corral -- inference
Model, threads, n_ctx, n_batch, n_ubatch and parallel of both are what CORRAL_INFERENCE__THREADS and its like say.
BENCH_SHORT=1 measures less; BENCH_CONTROL=1 has a second llama-server stand in for Corral, which shows the noise.";

/// A part that can run alone.
#[derive(Clone, Copy)]
enum Part {
    Route,
    Spin,
    Streams,
    Swap,
    Turn,
    Sessions,
    Vectors,
    Inference(Scenario),
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if std::env::args().any(|argument| argument == plain::ARGUMENT) {
        return runtime.block_on(plain::serve());
    }
    if std::env::args().any(|argument| argument == "--help") {
        println!("{HELP}");
        return Ok(());
    }
    let whole = std::env::args().any(|argument| argument == "whole");
    let parts = parts(std::env::args().skip(1))?;
    runtime.block_on(async {
        for part in parts {
            match part {
                Part::Route => route::compare().await?,
                Part::Spin => spin::compare().await?,
                Part::Streams => streams::measure().await?,
                Part::Swap => swap::compare().await?,
                Part::Turn => turn::stages().await?,
                Part::Sessions => stores::sessions::compare().await?,
                Part::Vectors => stores::vectors::compare(whole).await?,
                Part::Inference(scenario) => scenario.compare().await?,
            }
        }
        Ok(())
    })
}

fn parts(arguments: impl Iterator<Item = String>) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            // Cargo itself adds the first.
            "--bench" | "whole" => {}
            "route" => parts.push(Part::Route),
            "spin" => parts.push(Part::Spin),
            "streams" => parts.push(Part::Streams),
            "swap" => parts.push(Part::Swap),
            "turn" => parts.push(Part::Turn),
            "sessions" => parts.push(Part::Sessions),
            "vectors" => parts.push(Part::Vectors),
            "stores" => parts.extend([Part::Sessions, Part::Vectors]),
            "speed" => parts.push(Part::Inference(Scenario::Speed)),
            "conversations" => parts.push(Part::Inference(Scenario::Conversations)),
            "interference" => parts.push(Part::Inference(Scenario::Interference)),
            "grounded" => parts.push(Part::Inference(Scenario::Grounded)),
            "memory" => parts.push(Part::Inference(Scenario::Memory)),
            "inference" => parts.extend(Scenario::ALL.map(Part::Inference)),
            _ => bail!("there is no part `{argument}`\n{HELP}"),
        }
    }
    if parts.is_empty() {
        parts = vec![
            Part::Route,
            Part::Spin,
            Part::Streams,
            Part::Swap,
            Part::Turn,
            Part::Sessions,
            Part::Vectors,
        ];
        parts.extend(Scenario::ALL.map(Part::Inference));
    }
    Ok(parts)
}
