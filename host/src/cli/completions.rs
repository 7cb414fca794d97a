//! `corral completions`: what a shell needs to complete commands and options.

use clap_complete::{Shell, generate};
use std::{io::Write as _, process::ExitCode};

const WHERE: &str = "\
Where shells look for them:
  corral completions bash > ~/.local/share/bash-completion/completions/corral
  corral completions zsh > ~/.zfunc/_corral            (with fpath+=~/.zfunc before compinit)
  corral completions fish > ~/.config/fish/completions/corral.fish";

/// What `corral completions` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = WHERE)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    // Written at once: a reader that leaves early is then an error here, and no panic in there.
    let mut script = Vec::new();
    generate(args.shell, &mut command, "corral", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
