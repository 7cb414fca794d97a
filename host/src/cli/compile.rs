//! `corral compile`: what a serving host starts to compile what is deployed. Not for people.

use crate::apps::compile;
use std::{path::PathBuf, process::ExitCode};

/// What it is told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where compiled components are kept
    cache: PathBuf,
    /// The most memory, in bytes
    memory: u64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    compile::compile(&args.cache, args.memory)?;
    Ok(ExitCode::SUCCESS)
}
