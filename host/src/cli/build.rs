//! `corral build`: runs the build commands of a Spin application's manifest.

use super::{say, spin::manifest};
use corral_wasm::spin::build;
use std::{path::PathBuf, process::ExitCode};

/// What `corral build` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The application's manifest
    #[arg(long, value_name = "SPIN.TOML", default_value = "spin.toml")]
    spin: PathBuf,
    /// The profile of the components
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The components [default: all that have a command]
    #[arg(value_name = "COMPONENT")]
    components: Vec<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let steps = build::steps(&manifest(args.spin.clone()), &args.components, args.profile.as_deref())?;
    if steps.is_empty() {
        say("no component has a build command")?;
    }
    for step in &steps {
        for command in &step.commands {
            say(&format!("{}: {command}", step.component))?;
            step.run(command)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
