//! `corral man`: the manual's pages, one for each command.

use anyhow::Context;
use std::{fs, path::PathBuf, process::ExitCode};

const WHERE: &str = "\
For instance `corral man ~/.local/share/man/man1`; then `man corral`, `man corral-deploy` and so on.";

/// What `corral man` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = WHERE)]
pub(super) struct Args {
    /// Where to write the pages; made if it is not there
    folder: PathBuf,
}

pub(super) fn run(args: &Args, command: clap::Command) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    let writing = || format!("writing the manual into {}", folder.display());
    fs::create_dir_all(folder).with_context(writing)?;
    clap_mangen::generate_to(command, folder).with_context(writing)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn each_command_has_a_page_and_hidden_ones_have_none() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("man1");
        run(&Args { folder: folder.clone() }, crate::cli::Cli::command()).unwrap();
        for page in ["corral.1", "corral-deploy.1", "corral-models-fetch.1", "corral-migrate-vectors.1"] {
            let text = fs::read_to_string(folder.join(page)).unwrap();
            assert!(text.contains(".SH SYNOPSIS"), "{page}");
        }
        assert!(!folder.join("corral-compile.1").exists());
    }
}
