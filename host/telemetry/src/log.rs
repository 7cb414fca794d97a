//! The log: lines on standard error, for people or for machines.

use super::{Config, Format};
use anyhow::Context as _;
use std::io::IsTerminal as _;
use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_subscriber::{EnvFilter, fmt, fmt::MakeWriter};

/// Crates whose every step is of no interest here. The settings can name them louder.
const NOISY: [&str; 10] = [
    "cranelift_codegen",
    "fastembed",
    "h2",
    "hyper",
    "hyper_util",
    "llama-cpp-2",
    "ort",
    "reqwest",
    "rustls",
    "wasmtime",
];

/// Logs from here on, as the settings say; in color, if it is wanted and a terminal shows it.
pub fn start(config: &Config, color: bool) -> anyhow::Result<()> {
    let subscriber = subscriber(config, std::io::stderr, color && std::io::stderr().is_terminal())?;
    tracing::dispatcher::set_global_default(subscriber).context("starting the log")
}

/// What turns events into lines for `writer`.
pub fn subscriber<W>(config: &Config, writer: W, color: bool) -> anyhow::Result<Dispatch>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = filter(config.filter.as_deref())?;
    let lines = fmt().with_env_filter(filter).with_writer(writer).with_ansi(color);
    Ok(match config.format {
        Format::Pretty => Dispatch::new(lines.compact().finish()),
        Format::Json => Dispatch::new(lines.json().flatten_event(true).with_span_list(false).finish()),
    })
}

fn filter(directives: Option<&str>) -> anyhow::Result<EnvFilter> {
    let quiet: Vec<_> = NOISY.iter().map(|name| format!("{name}=warn")).collect();
    let asked = directives.unwrap_or("info");
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(format!("{},{asked}", quiet.join(",")))
        .with_context(|| {
            format!("log.filter = {asked:?}: expected a level such as \"info\" or directives such as \"info,corral=debug\"")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noisy_crates_are_quiet_until_asked_for() {
        let plain = filter(Some("debug")).unwrap().to_string();
        assert!(plain.contains("h2=warn") && plain.contains("debug"), "{plain}");
        let asked = filter(Some("info,h2=trace")).unwrap().to_string();
        assert!(asked.contains("h2=trace") && !asked.contains("h2=warn"), "{asked}");
    }

    #[test]
    fn a_filter_that_is_none_names_its_key() {
        let error = filter(Some("corral=loud")).unwrap_err();
        assert!(error.to_string().contains("log.filter"), "{error}");
    }
}
