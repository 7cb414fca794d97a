//! The command line: what can be asked of `corral`, and how it ends.
//!
//! Not here: what the commands do (one module each), and settings (`config.rs`).

mod apps;
mod build;
mod chat;
mod check;
mod compile;
mod completions;
mod dev;
mod eval;
pub mod http;
mod ingest;
mod man;
mod migrate;
mod models;
mod new;
mod operator;
mod registry;
mod serve;
mod settings;
mod spin;
mod spinner;

use crate::config::DEFAULT_FILE;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// Runs conversational back ends as sandboxed WebAssembly components on a native GPU host.
#[derive(Debug, Parser)]
#[command(name = "corral", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "\
Exit codes: 0 done, 1 something is wrong (it is said what), 2 wrong usage.

Answers go to standard output, all else to standard error. Colours and progress bars are for terminals only, and \
NO_COLOR=1 turns colours off.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the applications of runtime.toml, or one that was written for Spin
    Serve(serve::Args),
    /// Run the build commands of a Spin application
    Build(build::Args),
    /// List the applications of a running host and their generations
    Apps(apps::List),
    /// Begin a project of your own chat logic
    New(new::Args),
    /// Build a project's component and deploy it, each time that a file of it is saved
    Dev(dev::Args),
    /// Replace a component of an application of a running host
    Deploy(apps::Deploy),
    /// Return to an earlier generation of an application of a running host
    Rollback(apps::RollBack),
    /// Change the share of a canary, which `corral deploy --canary` begins
    Canary(apps::Canary),
    /// Have a canary serve all requests
    Promote(apps::Promote),
    /// Talk to a running host in the terminal
    Chat(chat::Args),
    /// Give a session the files of a folder to answer from
    Ingest(ingest::Args),
    /// Move sessions or passages from one store to another, and compare what arrived
    Migrate(migrate::Args),
    /// Measure how well a part does its work
    Eval(eval::Args),
    /// List, fetch and verify models
    Models(models::Args),
    /// Say what is wrong with settings, components, models and ports, and how to mend it
    Check(check::Args),
    /// Print what a shell needs to complete commands and options
    Completions(completions::Args),
    /// Write the manual's pages into a folder
    Man(man::Args),
    /// Print every setting as Markdown
    #[command(hide = true)]
    Settings,
    /// Compile a component for a serving host
    #[command(hide = true)]
    Compile(compile::Args),
}

/// Where the settings are.
#[derive(Debug, clap::Args)]
struct Settings {
    /// The settings' file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
}

/// Does what the command line asks.
///
/// Wrong usage ends the process here with code 2, after saying what was wrong.
#[must_use]
pub fn run() -> ExitCode {
    http::install_tls();
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Apps(args) => apps::list(&args),
        Command::New(args) => new::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Deploy(args) => apps::deploy(&args),
        Command::Rollback(args) => apps::roll_back(&args),
        Command::Canary(args) => apps::change_canary(&args),
        Command::Promote(args) => apps::promote(&args),
        Command::Chat(args) => chat::run(&args),
        Command::Ingest(args) => ingest::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
        Command::Settings => settings::run(),
        Command::Compile(args) => compile::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        if nobody_reads(&error) {
            return ExitCode::SUCCESS;
        }
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Whether who read our output has left: nobody to tell, and nothing wrong.
fn nobody_reads(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Says something for people on standard error. If even that fails, there is nobody to tell.
fn complain(message: &str) {
    drop(writeln!(io::stderr(), "corral: {message}"));
}

/// One line of the answer on standard output.
fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// A value as one JSON document on standard output.
fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(say(&serde_json::to_string_pretty(value)?)?)
}

/// One of several values, as a line of JSON on standard output.
fn say_json_line(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(say(&serde_json::to_string(value)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What prints no answer, or one of a form of its own.
    const WITHOUT_JSON: [&str; 7] = [
        "corral serve",       // its line is for programs already
        "corral completions", // a script
        "corral man",         // files
        "corral settings",    // Markdown
        "corral build",       // what the tools say
        "corral compile",     // nothing
        "corral help",
    ];

    /// Every command that has none below it, by its whole name.
    fn commands(command: &clap::Command, name: &str, found: &mut Vec<(String, clap::Command)>) {
        if command.get_subcommands().next().is_none() {
            found.push((name.to_owned(), command.clone()));
        }
        for below in command.get_subcommands() {
            commands(below, &format!("{name} {}", below.get_name()), found);
        }
    }

    #[test]
    fn every_command_that_prints_can_print_json() {
        let mut found = Vec::new();
        commands(&Cli::command(), "corral", &mut found);
        assert!(found.len() > 20, "{found:?}");
        for (name, command) in found {
            let json = command.get_arguments().any(|argument| argument.get_id() == "json");
            assert_ne!(json, WITHOUT_JSON.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_told_apart() {
        let error = Cli::try_parse_from(["corral", "serve", "--confg", "x"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--config"), "{error}");
    }
}
