//! `corral check`: everything that `corral serve` will need, looked at without serving.
//!
//! Not here: what makes settings (`config.rs`) or components (`apps.rs`) right.

mod models;
mod probes;
mod stores;
#[cfg(test)]
mod tests;

use super::{say, say_json};
use corral_wasm::spin::Application;
use serde::Serialize;
use std::{path::Path, process::ExitCode};

/// What `corral check` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    settings: super::Settings,
    #[command(flatten)]
    spin: super::spin::Args,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at.
    name: String,
    ok: bool,
    /// What was seen.
    detail: String,
    /// How to mend it.
    mend: Option<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let findings = findings(&args.settings.config, &args.spin);
    if args.json {
        say_json(&findings)?;
    } else {
        let width = findings.iter().map(|finding| finding.name.chars().count()).max().unwrap_or(0);
        findings.iter().try_for_each(|finding| say(&line(finding, width)))?;
    }
    let fine = findings.iter().all(|finding| finding.ok);
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn findings(file: &Path, spin: &super::spin::Args) -> Vec<Finding> {
    let (config, application) = match spin.load(file) {
        Ok(loaded) => loaded,
        // Without settings nobody knows what else to look at.
        Err(error) => {
            let name = if spin.spin.is_some() { "application" } else { "settings" };
            return format!("{error:#}").lines().map(|line| Finding::bad(name, line, None)).collect();
        }
    };
    let mut findings = vec![Finding::good("settings", file.display())];
    let models = application.as_ref().is_none_or(Application::uses_models);
    for (name, app) in &config.apps {
        findings.extend(probes::app(name, app));
    }
    if models {
        findings.extend(models::all(&config.inference));
        findings.push(probes::embedding(&config.embedding));
        findings.push(probes::onnx_runtime(&config.embedding));
    }
    for place in config.places() {
        findings.push(probes::writable_file(&place.table("store"), &place.file));
        findings.extend([stores::sessions(&place), stores::vectors(&place)].into_iter().flatten());
    }
    findings.push(probes::writable("cache", &config.wasm.cache));
    findings.push(probes::writable("deployments", &config.deploy.folder));
    findings.push(probes::token("admin token", &config.admin.token_file));
    findings.push(probes::free("server.listen", config.server.listen));
    findings.push(probes::free("admin.listen", config.admin.listen));
    findings
}

impl Finding {
    fn good(name: impl Into<String>, detail: impl ToString) -> Self {
        Self { name: name.into(), ok: true, detail: detail.to_string(), mend: None }
    }

    fn bad(name: impl Into<String>, detail: impl ToString, mend: Option<String>) -> Self {
        Self { name: name.into(), ok: false, detail: detail.to_string(), mend }
    }
}

fn line(finding: &Finding, width: usize) -> String {
    let Finding { name, ok, detail, mend } = finding;
    let mark = if *ok { '✓' } else { '✗' };
    let mend = mend.as_ref().map(|mend| format!("; to mend it: {mend}")).unwrap_or_default();
    format!("{mark} {name:width$}  {detail}{mend}")
}
