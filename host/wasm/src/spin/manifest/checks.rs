//! What a manifest has to be beyond its shape: names that can be, references that lead somewhere, no more than is
//! served.

use super::{
    Answering, Component, Dependency, Executor, HttpTrigger, Inherited, Manifest, Problems, Route, Source,
};
use crate::{
    hosts::Allowed,
    spin::{routes, template::Template, variables::check_name},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Keys that a dependency can inherit.
const INHERITABLE: [&str; 8] = [
    "ai_models",
    "allowed_outbound_hosts",
    "environment",
    "files",
    "key_value_stores",
    "sqlite_databases",
    "variables",
    "allowed_http_hosts",
];

/// # Errors
/// Everything that is wrong.
pub(super) fn check(file: &Path, manifest: &Manifest) -> Result<(), Problems> {
    let mut problems = Problems::of(file);
    variables(manifest, &mut problems);
    triggers(manifest, &mut problems);
    for (id, component) in &manifest.components {
        let key = format!("component.{id}");
        if let Err(problem) = check_id(id) {
            problems.add(&key, problem);
        }
        one_component(&key, component, manifest, &mut problems);
    }
    problems.none()
}

fn variables(manifest: &Manifest, problems: &mut Problems) {
    for (name, variable) in &manifest.variables {
        let key = format!("variables.{name}");
        if let Err(problem) = check_name(name) {
            problems.add(&key, problem);
        }
        match (variable.required, &variable.default) {
            (true, Some(_)) => {
                problems
                    .add(&key, "is required and has a default, but can only have one of both: remove one");
            }
            (false, None) => {
                problems.add(
                    &key,
                    "has neither a default nor required = true: say what it is without a value, or that it needs one",
                );
            }
            _ => {}
        }
    }
}

fn triggers(manifest: &Manifest, problems: &mut Problems) {
    for kind in manifest.triggers.others.keys() {
        problems.add(
            format!("trigger.{kind}"),
            "this host has http triggers only: remove it, or serve it with Spin",
        );
    }
    if manifest.triggers.http.is_empty() {
        problems.add("trigger.http", "there is none, so nothing leads to a component: add [[trigger.http]]");
    }
    let (mut routes, mut inline) = (BTreeMap::new(), BTreeSet::new());
    for (place, trigger) in manifest.triggers.http.iter().enumerate() {
        let key = format!("trigger.http[{place}]");
        one_trigger(&key, trigger, manifest, problems);
        if let Some(Answering::Inline(_)) = trigger.component {
            let id = trigger.inline_id(place);
            if manifest.components.contains_key(&id) || inline.contains(&id) {
                problems.add(
                    format!("{key}.component"),
                    format!("is called \"{id}\", as another component is: give the trigger another id"),
                );
            }
            inline.insert(id);
        }
        if let Route::Public(route) = &trigger.route
            && let Some(earlier) = routes.insert(route, place)
        {
            problems.add(
                format!("{key}.route"),
                format!("\"{route}\" is the route of trigger.http[{earlier}] already: change one of them"),
            );
        }
    }
}

fn one_trigger(key: &str, trigger: &HttpTrigger, manifest: &Manifest, problems: &mut Problems) {
    for (part, given) in
        [("components", trigger.components.is_some()), ("dependencies", trigger.dependencies.is_some())]
    {
        if given {
            problems.add(
                format!("{key}.{part}"),
                "components in front of others are not served: compose them before, or remove it",
            );
        }
    }
    match (&trigger.component, &trigger.static_response) {
        (None, None) => problems
            .add(key, "has neither component nor static_response: say what answers the route's requests"),
        (Some(_), Some(_)) => {
            problems.add(key, "has both component and static_response: remove one of them");
        }
        _ => {}
    }
    match &trigger.component {
        Some(Answering::Named(id)) if !manifest.components.contains_key(id) => {
            problems.add(format!("{key}.component"), no_such_component(id, manifest));
        }
        Some(Answering::Inline(component)) => {
            one_component(&format!("{key}.component"), component, manifest, problems);
        }
        _ => {}
    }
    if let Some(Executor::Wagi { .. }) = trigger.executor {
        problems.add(
            format!("{key}.executor"),
            "wagi is not served: remove it, and build the component for wasi:http",
        );
    }
    match &trigger.route {
        Route::Public(route) => {
            problems.take(format!("{key}.route"), routes::check(route));
        }
        Route::Private(private) if !private.private => problems.add(
            format!("{key}.route"),
            "is { private = false }: write a path such as \"/...\", or { private = true }",
        ),
        Route::Private(_) => {}
    }
    if let Some(answer) = &trigger.static_response {
        problems.take(format!("{key}.static_response"), routes::check_static(answer));
    }
}

fn one_component(key: &str, component: &Component, manifest: &Manifest, problems: &mut Problems) {
    source(&format!("{key}.source"), &component.source, problems);
    for (name, text) in &component.variables {
        let key = format!("{key}.variables.{name}");
        if let Err(problem) = check_name(name) {
            problems.add(&key, problem);
        }
        template(&key, text, manifest, problems);
    }
    for (place, host) in component.allowed_outbound_hosts.iter().enumerate() {
        let key = format!("{key}.allowed_outbound_hosts[{place}]");
        match template(&key, host, manifest, problems) {
            Some(template) if template.is_literal() => {
                problems.take(key, Allowed::parse(host));
            }
            _ => {}
        }
    }
    if !component.allowed_http_hosts.is_empty() {
        problems.add(
            format!("{key}.allowed_http_hosts"),
            "is not served any more: write allowed_outbound_hosts = [\"https://HOST\"] in its place",
        );
    }
    for (label, labels) in
        [("key_value_stores", &component.key_value_stores), ("sqlite_databases", &component.sqlite_databases)]
    {
        for (place, name) in labels.iter().enumerate() {
            if check_label(name).is_err() {
                problems.add(
                    format!("{key}.{label}[{place}]"),
                    format!(
                        "\"{name}\": a label is made of lower-case words with \"-\" or \"_\" between them"
                    ),
                );
            }
        }
    }
    for (name, dependency) in &component.dependencies {
        dependency_of(&format!("{key}.dependencies.\"{name}\""), dependency, manifest, problems);
    }
    for (profile, changed) in &component.profile {
        // What would have to be fetched is refused where the profile is served, and not before.
        let here =
            |dependency: &Dependency| matches!(dependency, Dependency::Local(_) | Dependency::Component(_));
        for (name, dependency) in changed.dependencies.iter().filter(|(_, dependency)| here(dependency)) {
            let key = format!("{key}.profile.{profile}.dependencies.\"{name}\"");
            dependency_of(&key, dependency, manifest, problems);
        }
    }
}

fn source(key: &str, source: &Source, problems: &mut Problems) {
    let Source::Elsewhere(table) = source else { return };
    let text = if table.contains_key("url") && !table.contains_key("digest") {
        "has a url without a digest, which is needed; and nothing is fetched here: download it, and name the file"
    } else {
        "is not on this machine, and nothing is fetched here: download it, and name the file"
    };
    problems.add(key, text);
}

fn template(key: &str, text: &str, manifest: &Manifest, problems: &mut Problems) -> Option<Template> {
    let template = problems.take(key, Template::parse(text))?;
    for name in template.names() {
        if !manifest.variables.contains_key(name) {
            problems.add(
                key,
                format!("names the variable \"{name}\", which is not in [variables]: add it there"),
            );
        }
    }
    Some(template)
}

fn dependency_of(key: &str, dependency: &Dependency, manifest: &Manifest, problems: &mut Problems) {
    let inherited = match dependency {
        Dependency::Local(local) => &local.inherit_configuration,
        Dependency::Component(other) => {
            if !manifest.components.contains_key(&other.component) {
                problems.add(format!("{key}.component"), no_such_component(&other.component, manifest));
            }
            &other.inherit_configuration
        }
        Dependency::Version(_) | Dependency::Elsewhere(_) => {
            problems.add(
                key,
                "is not on this machine, and nothing is fetched here: download it, and write { path = \"FILE\" }",
            );
            &None
        }
    };
    if let Some(Inherited::Some(keys)) = inherited {
        for unknown in keys.iter().filter(|key| !INHERITABLE.contains(&key.as_str())) {
            problems.add(
                format!("{key}.inherit_configuration"),
                format!("\"{unknown}\" is nothing to inherit: expected some of {}", INHERITABLE.join(", ")),
            );
        }
    }
}

fn no_such_component(id: &str, manifest: &Manifest) -> String {
    let known: BTreeSet<_> = manifest.components.keys().map(String::as_str).collect();
    let closest = known
        .iter()
        .max_by(|one, other| strsim::jaro_winkler(id, one).total_cmp(&strsim::jaro_winkler(id, other)));
    match closest {
        Some(closest) => {
            format!("there is no component \"{id}\": add [component.{id}]; did you mean \"{closest}\"?")
        }
        None => format!("there is no component \"{id}\": add [component.{id}]"),
    }
}

/// Ids are kebab-case: words of letters and digits that start with a letter, with "-" between them.
fn check_id(id: &str) -> Result<(), &'static str> {
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.chars().all(|character| character.is_ascii_alphanumeric())
            && (word.chars().all(|c| !c.is_ascii_uppercase())
                || word.chars().all(|c| !c.is_ascii_lowercase()))
    };
    if id.split('-').all(word) {
        return Ok(());
    }
    Err("an id is kebab-case: words of letters and digits, each starting with a letter, \"-\" between them")
}

fn check_label(label: &str) -> Result<(), &'static str> {
    check_id(label).or_else(|problem| check_id(&label.replace('_', "-")).map_err(|_same| problem))
}
