//! Which component answers a path, and what it is told of how it was found.
//!
//! Exact paths (`/about`), parameters (`/users/:id`) and wildcards at the end (`/static/...`); the closest one answers,
//! as Spin's own router has it (routefinder).

use super::manifest::StaticResponse;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use routefinder::Router;
use std::{collections::BTreeMap, net::SocketAddr};

/// What answers.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A component, by its id.
    Component(String),
    /// Always the same.
    Static(Fixed),
}

/// An answer that needs no component.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

/// The routes of an application.
pub struct Routes(Router<Entry>);

#[derive(Debug)]
struct Entry {
    /// As the manifest has it.
    raw: String,
    destination: Destination,
}

/// The route that a path has found.
#[derive(Debug, Clone)]
pub struct Match {
    /// What answers.
    pub destination: Destination,
    raw: String,
    /// What stands for the wildcard.
    rest: String,
    parameters: BTreeMap<String, String>,
}

impl Routes {
    /// A router of routes as the manifest has them.
    ///
    /// # Errors
    /// A route that is none.
    pub fn new(routes: impl IntoIterator<Item = (String, Destination)>) -> Result<Self, String> {
        let mut router = Router::new();
        for (raw, destination) in routes {
            router
                .add(spec(&raw), Entry { raw: raw.clone(), destination })
                .map_err(|error| error.to_string())?;
        }
        Ok(Self(router))
    }

    /// What answers a path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Match> {
        let found = self.0.best_match(path)?;
        let entry = found.handler();
        let captures = found.captures();
        let parameters = captures.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let rest = captures.wildcard().map(|rest| with_slashes(rest, path)).unwrap_or_default();
        Some(Match { destination: entry.destination.clone(), raw: entry.raw.clone(), rest, parameters })
    }
}

impl Match {
    /// A component that another one calls by its id: everything is the wildcard's.
    #[must_use]
    pub fn chained(id: &str, path: &str) -> Self {
        let destination = Destination::Component(id.to_owned());
        Self { destination, raw: "/...".into(), rest: path.to_owned(), parameters: BTreeMap::new() }
    }

    /// Replaces what a request says of itself by what is so: `spin-path-info` and the others.
    pub fn describe(&self, headers: &mut HeaderMap, url: &str, client: Option<SocketAddr>) {
        let own: Vec<HeaderName> = headers.keys().filter(|name| is_reserved(name)).cloned().collect();
        for name in own {
            headers.remove(name);
        }
        let prefix = self.raw.strip_suffix("/...").unwrap_or(&self.raw);
        let client = client.map_or_else(|| "0.0.0.0:0".to_owned(), |client| client.to_string());
        let told = [
            ("spin-path-info", self.rest.as_str()),
            ("spin-full-url", url),
            ("spin-matched-route", &self.raw),
            ("spin-base-path", "/"),
            ("spin-raw-component-route", &self.raw),
            ("spin-component-route", prefix),
            ("spin-client-addr", &client),
        ];
        let told = told.into_iter().map(|(name, value)| (name.to_owned(), value));
        let parameters = self.parameters.iter().map(|(name, value)| {
            (format!("spin-path-match-{}", name.to_ascii_lowercase().replace('_', "-")), value.as_str())
        });
        for (name, value) in told.chain(parameters) {
            // A name that is no header's, or a path with bytes that none may have, is left out.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
    }
}

fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str();
    let known = [
        "spin-path-info",
        "spin-full-url",
        "spin-matched-route",
        "spin-base-path",
        "spin-raw-component-route",
        "spin-component-route",
        "spin-client-addr",
    ];
    known.contains(&name) || name.starts_with("spin-path-match-")
}

/// Whether it is a route.
///
/// # Errors
/// What is wrong with it.
pub fn check(route: &str) -> Result<(), String> {
    if !route.starts_with('/') {
        return Err(format!("\"{route}\" does not start with \"/\": write \"/{route}\""));
    }
    let inner = route.strip_suffix("/...").or_else(|| route.strip_suffix("/*")).unwrap_or(route);
    if inner.contains("...") || inner.contains('*') {
        return Err(format!("\"{route}\" has a wildcard elsewhere than at its end: end it with \"/...\""));
    }
    if let Some(reserved) = route.strip_prefix("/.well-known/spin/") {
        return Err(format!("\"/.well-known/spin/{reserved}\" is the host's own: choose another path"));
    }
    Router::new().add(spec(route), ()).map_err(|error| format!("\"{route}\": {error}"))
}

/// Whether it can be an answer.
///
/// # Errors
/// What is wrong with it.
pub fn check_static(answer: &StaticResponse) -> Result<Fixed, String> {
    let code = answer.status_code.unwrap_or(200);
    let status = StatusCode::from_u16(code)
        .map_err(|_no_status| format!("status_code is {code}: write one from 100 to 999"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        let name = HeaderName::try_from(name).map_err(|error| format!("headers.{name}: {error}"))?;
        let value = HeaderValue::try_from(value).map_err(|error| format!("headers.{name}: {error}"))?;
        headers.insert(name, value);
    }
    Ok(Fixed { status, headers, body: answer.body.clone().unwrap_or_default() })
}

/// As routefinder writes it.
fn spec(route: &str) -> String {
    match route.strip_suffix("/...") {
        Some(before) => format!("{before}/*"),
        None => route.to_owned(),
    }
}

fn with_slashes(rest: &str, path: &str) -> String {
    match (rest.is_empty(), path.ends_with('/')) {
        (true, false) => String::new(),
        (true, true) => "/".into(),
        (false, false) => format!("/{rest}"),
        (false, true) => format!("/{rest}/"),
    }
}
