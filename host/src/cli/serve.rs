//! `corral serve`: the host itself, until it is told to stop.
//!
//! Not here: what serving takes (`start.rs`), which also prints the `ready` line.

use anyhow::Context;
use std::process::ExitCode;

/// What `corral serve` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "When it serves, it prints one line on standard output:
  ready http://ADDRESS admin http://ADDRESS
Everything else goes to standard error. Ctrl-C or SIGTERM lets answers under way finish, then stops.

Every setting can also come from the environment, as in CORRAL_SERVER__LISTEN=127.0.0.1:0.")]
pub(super) struct Args {
    #[command(flatten)]
    settings: super::Settings,
    #[command(flatten)]
    spin: super::spin::Args,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (config, application) = args.spin.load(&args.settings.config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Guests that compute yield on every tick; without this they would keep sockets waiting.
        .event_interval(1)
        .build()
        .context("starting the runtime's threads")?;
    runtime.block_on(Box::pin(crate::start::run(config, application)))?;
    Ok(ExitCode::SUCCESS)
}
