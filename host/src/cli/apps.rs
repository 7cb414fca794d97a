//! `corral apps`, `corral deploy` and `corral rollback`: the applications of a running host and their generations.

mod state;

use super::{Settings, operator::Operator, registry, say_json, spinner::Spinner};
use crate::apps::signature;
use anyhow::Context;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::ValueEnum;
use reqwest::{Method, RequestBuilder};
use state::{State, States};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};
use url::form_urlencoded;

/// What `corral apps` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    settings: Settings,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What `corral deploy` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Deploy {
    /// The application, by its name in the settings
    app: String,
    /// The component: a file, or oci://REGISTRY/REPOSITORY:TAG
    file: PathBuf,
    /// Which of its components it replaces
    #[arg(long, value_enum, default_value = "logic")]
    component: Component,
    /// Deploy only what has this SHA-256
    #[arg(long, value_name = "SHA256")]
    digest: Option<String>,
    /// The component's signature; FILE.minisig is taken if it is there
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// As a canary, for this share of the sessions; what serves answers the others
    #[arg(long, value_name = "PERCENT")]
    canary: Option<f64>,
    /// As a canary, for requests with this header too
    #[arg(long, value_name = "NAME: VALUE")]
    canary_header: Option<String>,
    /// As a canary that answers unheard the turns that what serves answers, to be compared
    #[arg(long)]
    shadow: bool,
    /// Who deploys, for the log
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    list: List,
}

/// What `corral canary` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Canary {
    /// The application, by its name in the settings
    app: String,
    /// The share of the sessions that it answers
    #[arg(long, value_name = "PERCENT")]
    weight: f64,
    /// It answers requests with this header too
    #[arg(long, value_name = "NAME: VALUE")]
    header: Option<String>,
    /// It answers unheard the turns that what serves answers
    #[arg(long)]
    shadow: bool,
    /// Who changes it, for the log
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    list: List,
}

/// What `corral promote` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Promote {
    /// The application, by its name in the settings
    app: String,
    /// Who promotes it, for the log
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    list: List,
}

/// What `corral rollback` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct RollBack {
    /// The application, by its name in the settings
    app: String,
    /// The generation to return to; unset ends a canary, or returns to the one before that which serves
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
    /// Who returns to it, for the log
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Component {
    Gateway,
    Logic,
}

pub(super) fn list(args: &List) -> anyhow::Result<ExitCode> {
    ask(args, "asking", |operator| Ok(operator.request(Method::GET, "/apps")))
}

pub(super) fn deploy(args: &Deploy) -> anyhow::Result<ExitCode> {
    let Deploy { app, file, component, digest, signature, canary, canary_header, shadow, by, list } = args;
    let bytes = read(file, app)?;
    let signature = read_signature(file, signature.as_deref())?;
    ask(list, "verifying, compiling and rehearsing", |operator| {
        let terms = terms(*canary, canary_header.as_deref(), *shadow);
        let request = deployment(operator, app, *component, digest.as_deref(), &terms);
        let request = signature.iter().fold(request, |request, signature| {
            request.header("x-corral-signature", BASE64_STANDARD.encode(signature))
        });
        Ok(named(request, by.as_deref()).body(bytes))
    })
}

/// A component, from where it is.
fn read(file: &Path, app: &str) -> anyhow::Result<Vec<u8>> {
    match file.to_str().and_then(registry::reference) {
        Some(reference) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let _spinner = Spinner::new(format!("pulling {reference}"));
            runtime.block_on(registry::pull(reference, app))
        }
        None => fs::read(file).with_context(|| format!("reading {}", file.display())),
    }
}

/// Deploys an application's logic, and gives the number of the generation that serves then.
pub(super) async fn deploy_logic(
    operator: &Operator,
    app: &str,
    bytes: Vec<u8>,
    by: &str,
) -> anyhow::Result<u64> {
    let request = named(deployment(operator, app, Component::Logic, None, &[]), Some(by)).body(bytes);
    let States { apps } = operator.send(request).await?;
    let serving = apps.iter().find(|state| state.name == app).and_then(State::serving);
    serving.context("the host serves no generation of it")
}

pub(super) fn change_canary(args: &Canary) -> anyhow::Result<ExitCode> {
    let Canary { app, weight, header, shadow, by, list } = args;
    ask(list, "changing the canary", |operator| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(terms(Some(*weight), header.as_deref(), *shadow));
        let request = operator.request(Method::POST, &format!("/apps/{app}/canary?{}", query.finish()));
        Ok(named(request, by.as_deref()))
    })
}

pub(super) fn promote(args: &Promote) -> anyhow::Result<ExitCode> {
    let Promote { app, by, list } = args;
    ask(list, "promoting", |operator| {
        let request = operator.request(Method::POST, &format!("/apps/{app}/promote"));
        Ok(named(request, by.as_deref()))
    })
}

/// The share of a canary, as the host reads it.
fn terms(weight: Option<f64>, header: Option<&str>, shadow: bool) -> Vec<(&'static str, String)> {
    let weight = weight.map(|weight| ("weight", weight.to_string()));
    let header = header.map(|header| ("header", header.to_owned()));
    let shadow = shadow.then(|| ("shadow", "true".to_owned()));
    weight.into_iter().chain(header).chain(shadow).collect()
}

fn deployment(
    operator: &Operator,
    app: &str,
    component: Component,
    digest: Option<&str>,
    terms: &[(&str, String)],
) -> RequestBuilder {
    let part = match component {
        Component::Gateway => "gateway",
        Component::Logic => "logic",
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("component", part);
    query.extend_pairs(digest.iter().map(|digest| ("digest", digest)));
    query.extend_pairs(terms);
    operator.request(Method::POST, &format!("/apps/{app}/deploy?{}", query.finish()))
}

pub(super) fn roll_back(args: &RollBack) -> anyhow::Result<ExitCode> {
    let RollBack { app, to, by, list } = args;
    ask(list, "returning", |operator| {
        let to = to.map(|to| format!("?to={to}")).unwrap_or_default();
        let request = operator.request(Method::POST, &format!("/apps/{app}/rollback{to}"));
        Ok(named(request, by.as_deref()))
    })
}

fn named(request: RequestBuilder, by: Option<&str>) -> RequestBuilder {
    by.into_iter().fold(request, |request, by| request.header("x-corral-actor", by))
}

/// The signature that was named, or the one beside the component.
fn read_signature(file: &Path, named: Option<&Path>) -> anyhow::Result<Option<String>> {
    match named {
        Some(named) => {
            fs::read_to_string(named).map(Some).with_context(|| format!("reading {}", named.display()))
        }
        None => signature::of_file(file),
    }
}

fn ask(
    list: &List,
    doing: &str,
    request: impl FnOnce(&Operator) -> anyhow::Result<RequestBuilder>,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let States { apps } = runtime.block_on(async {
        let operator = Operator::of(&list.settings)?;
        let _spinner = Spinner::new(doing);
        operator.send(request(&operator)?).await
    })?;
    if list.json {
        say_json(&apps)?;
    } else {
        apps.iter().try_for_each(State::tell)?;
    }
    Ok(ExitCode::SUCCESS)
}
