//! The operators' hand on the applications: which generations there are, deploying one, returning to one.

use crate::{
    apps::{
        App, Canary, Deployer, Generation, MAX_SIZE, Part,
        canary::{Header, Terms},
        deploy::{self, Change},
        shadow::Counts,
    },
    respond::Failure,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, Method, Request, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use std::{collections::BTreeMap, net::IpAddr, time::Duration};
use tokio::time::timeout;
use url::form_urlencoded;

/// For a whole deployment: sending the component, compiling it, trying it.
pub(super) const LONGEST: Duration = Duration::from_mins(10);
/// To send a component.
const SENDING: Duration = Duration::from_mins(2);
/// Who asks, in their own words.
const ACTOR: &str = "x-corral-actor";
/// A detached signature in base 64.
const SIGNATURE: &str = "x-corral-signature";
/// Longer words are cut.
const LONGEST_NAME: usize = 64;

/// What an operator asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    List,
    Deploy { app: String, part: Part, digest: Option<String>, canary: Option<Terms> },
    ChangeCanary { app: String, terms: Terms },
    Promote { app: String },
    RollBack { app: String, to: Option<u64> },
}

/// An application as operators see it.
#[derive(Debug, Serialize)]
pub struct State {
    name: String,
    route: String,
    generations: Vec<Version>,
    /// What happened last without an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A generation as operators see it.
#[derive(Debug, Serialize)]
struct Version {
    number: u64,
    /// `serving`, `canary`, `draining` or `kept`.
    state: &'static str,
    /// Requests under way with it.
    requests: usize,
    gateway: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    logic: Option<String>,
    /// Of both, composed.
    digest: String,
    /// When it was made.
    made: String,
    /// Who asked for it.
    by: String,
    /// Of a canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<Trial>,
}

/// How a canary does.
#[derive(Debug, Serialize)]
struct Trial {
    /// Percent of the sessions.
    weight: f64,
    /// The header that leads to it too.
    header: Option<String>,
    /// Requests, and those that failed, within the guard's window; of what serves meanwhile, too.
    answered: usize,
    failed: usize,
    serving_answered: usize,
    serving_failed: usize,
    /// What it has answered unheard.
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<Counts>,
}

impl Action {
    /// The action of an address below `/apps` and a method.
    pub(super) fn of(uri: &Uri, method: &Method) -> Option<Result<Self, Failure>> {
        let rest = uri.path().strip_prefix("/apps")?;
        let get = matches!(*method, Method::GET | Method::HEAD);
        let query: BTreeMap<_, _> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        match rest.strip_prefix('/').map(|rest| rest.rsplit_once('/')) {
            None if rest.is_empty() && get => Some(Ok(Self::List)),
            None if rest.is_empty() => Some(Err(Failure::MethodNotAllowed("GET, HEAD"))),
            Some(Some((_, "deploy" | "rollback" | "canary" | "promote"))) if method != Method::POST => {
                Some(Err(Failure::MethodNotAllowed("POST")))
            }
            Some(Some((app, "deploy"))) => Some(Self::deploy(app, query)),
            Some(Some((app, "rollback"))) => Some(Self::roll_back(app, &query)),
            Some(Some((app, "promote"))) => Some(Ok(Self::Promote { app: app.to_owned() })),
            Some(Some((app, "canary"))) => Some(Self::change_canary(app, &query)),
            _ => None,
        }
    }

    fn deploy(app: &str, mut query: BTreeMap<String, String>) -> Result<Self, Failure> {
        let part = match query.get("component").map(String::as_str) {
            Some("logic") | None => Part::Logic,
            Some("gateway") => Part::Gateway,
            Some(_) => return Err(Failure::Misunderstood("component: expected \"logic\" or \"gateway\"")),
        };
        let canary = terms(&query)?;
        Ok(Self::Deploy { app: app.to_owned(), part, digest: query.remove("digest"), canary })
    }

    fn change_canary(app: &str, query: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let terms = terms(query)?.ok_or(Failure::Misunderstood("weight: expected percent, from 0 to 100"))?;
        Ok(Self::ChangeCanary { app: app.to_owned(), terms })
    }

    fn roll_back(app: &str, query: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let to = query.get("to").map(|to| to.parse()).transpose();
        let to = to.map_err(|_error| Failure::Misunderstood("to: expected the number of a generation"))?;
        Ok(Self::RollBack { app: app.to_owned(), to })
    }

    /// Does it, and says how the applications are then.
    pub(super) async fn run(
        self,
        deployer: &Deployer,
        request: Request<Incoming>,
        address: Option<IpAddr>,
    ) -> Result<Vec<State>, Failure> {
        let by = actor(request.headers(), address);
        let app = match self {
            Self::List => return Ok(deployer.apps().iter().map(|app| State::of(app)).collect()),
            Self::Deploy { app, part, digest, canary } => {
                // Whoever names no application need not send a component.
                if !deployer.apps().iter().any(|known| known.name() == app) {
                    return Err(deploy::Error::NoSuchApp.into());
                }
                let signature = signature(request.headers())?;
                let bytes = received(request.into_body()).await?;
                let change = Change { part, bytes, digest, signature, file: false, canary, by };
                deployer.deploy(&app, change).await?;
                app
            }
            Self::ChangeCanary { app, terms } => {
                deployer.change_canary(&app, terms, &by).await?;
                app
            }
            Self::Promote { app } => {
                deployer.promote(&app, &by).await?;
                app
            }
            Self::RollBack { app, to } => {
                deployer.roll_back(&app, to, &by).await?;
                app
            }
        };
        let changed = deployer.apps().iter().filter(|known| known.name() == app);
        Ok(changed.map(|app| State::of(app)).collect())
    }
}

impl State {
    fn of(app: &App) -> Self {
        let serving = app.serving();
        let number = serving.generation().record().number;
        let canary = app.canary();
        let mut versions: Vec<Version> = Vec::new();
        for generation in app.kept() {
            let mut version = Version::of(&generation, "kept", 0);
            if version.number == number {
                (version.state, version.requests) = ("serving", serving.requests());
            } else if let Some(canary) = canary.as_ref().filter(|canary| canary.number() == version.number) {
                (version.state, version.requests) = ("canary", canary.serving().requests());
                version.canary = Some(Trial::of(canary));
            }
            versions.push(version);
        }
        for draining in app.draining() {
            let generation = draining.generation();
            let same = |version: &&mut Version| version.number == generation.record().number;
            match versions.iter_mut().find(same) {
                Some(version) => {
                    version.requests += draining.requests();
                    version.state = if version.state == "kept" { "draining" } else { version.state };
                }
                None => versions.push(Version::of(generation, "draining", draining.requests())),
            }
        }
        versions.sort_by_key(|version| version.number);
        if app.config().logic.is_none() {
            versions.iter_mut().for_each(|version| version.logic = None);
        }
        let (name, route) = (app.name().to_owned(), app.route().describe());
        Self { name, route, generations: versions, note: app.last_note() }
    }
}

impl Trial {
    fn of(canary: &Canary) -> Self {
        let (terms, tally) = (canary.terms(), canary.tally());
        Self {
            weight: terms.weight,
            header: terms.header.as_ref().map(|header| header.name.clone()),
            answered: tally.canary,
            failed: tally.canary_failed,
            serving_answered: tally.serving,
            serving_failed: tally.serving_failed,
            shadow: terms.shadow.then(|| canary.shadow().counts()),
        }
    }
}

impl Version {
    fn of(generation: &Generation, state: &'static str, requests: usize) -> Self {
        let record = generation.record();
        Self {
            number: record.number,
            state,
            requests,
            gateway: record.parts.gateway.clone(),
            logic: Some(record.parts.logic.clone()),
            digest: generation.digest().to_owned(),
            made: record.made.to_string(),
            by: record.by.clone(),
            canary: None,
        }
    }
}

/// The share of a canary, if one is asked for: `weight`, and `header` as `NAME: VALUE`.
fn terms(query: &BTreeMap<String, String>) -> Result<Option<Terms>, Failure> {
    let (weight, header) = (query.get("weight"), query.get("header"));
    let shadow = match query.get("shadow").map(String::as_str) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Failure::Misunderstood("shadow: expected \"true\" or \"false\"")),
    };
    if weight.is_none() && header.is_none() && !shadow {
        return Ok(None);
    }
    let weight =
        weight.map_or(Ok(0.0), |weight| weight.parse()).ok().filter(|weight| (0.0..=100.0).contains(weight));
    let weight = weight.ok_or(Failure::Misunderstood("weight: expected percent, from 0 to 100"))?;
    let header = match header.map(|header| header.split_once(':')) {
        None => None,
        Some(Some((name, value))) if HeaderName::try_from(name.trim()).is_ok() => {
            Some(Header::new(name.trim(), value.trim()))
        }
        Some(_) => return Err(Failure::Misunderstood("header: expected \"NAME: VALUE\"")),
    };
    Ok(Some(Terms { weight, header, shadow }))
}

async fn received(body: Incoming) -> Result<Vec<u8>, Failure> {
    let most = usize::try_from(MAX_SIZE).unwrap_or(usize::MAX);
    match timeout(SENDING, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::BodyTooLarge),
        Ok(Err(_broken)) => Err(Failure::BodyBroken),
        Err(_elapsed) => Err(Failure::BodyTooSlow),
    }
}

fn signature(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(header) = headers.get(SIGNATURE) else { return Ok(None) };
    let text = BASE64_STANDARD.decode(header).ok().and_then(|text| String::from_utf8(text).ok());
    text.map(Some).ok_or(Failure::Misunderstood("x-corral-signature: expected a signature file in base 64"))
}

/// Who asks: in their own words, as far as these are plain, and where from.
fn actor(headers: &HeaderMap, address: Option<IpAddr>) -> String {
    let address = address.map(|address| address.to_string()).unwrap_or_default();
    let plain = |character: &char| character.is_ascii_alphanumeric() || "-_.@ ".contains(*character);
    let named = headers.get(ACTOR).and_then(|name| name.to_str().ok());
    let named: String = named.unwrap_or_default().chars().filter(plain).take(LONGEST_NAME).collect();
    if named.is_empty() { address } else { format!("{named} ({address})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &'static str, method: Method) -> Option<Result<Action, u16>> {
        let status = |failure| crate::respond::failure(&failure, crate::respond::Dialect::Detail).status();
        let action = Action::of(&Uri::from_static(uri), &method);
        action.map(|action| action.map_err(|failure| status(failure).as_u16()))
    }

    #[test]
    fn addresses_and_methods_make_actions() {
        let deploy = |part, digest: Option<&str>| {
            let digest = digest.map(str::to_owned);
            Some(Ok(Action::Deploy { app: "chat".into(), part, digest, canary: None }))
        };
        let roll_back = |to| Some(Ok(Action::RollBack { app: "chat".into(), to }));
        assert_eq!(of("/apps", Method::GET), Some(Ok(Action::List)));
        assert_eq!(of("/apps/chat/deploy", Method::POST), deploy(Part::Logic, None));
        let full = "/apps/chat/deploy?component=gateway&digest=sha256%3Aab";
        assert_eq!(of(full, Method::POST), deploy(Part::Gateway, Some("sha256:ab")));
        assert_eq!(of("/apps/chat/rollback", Method::POST), roll_back(None));
        assert_eq!(of("/apps/chat/rollback?to=3", Method::POST), roll_back(Some(3)));
        let terms = |weight, header: Option<&str>| Terms {
            weight,
            header: header.map(|value| Header::new("x-beta", value)),
            shadow: false,
        };
        let canary = |terms| Some(Ok(Action::ChangeCanary { app: "chat".into(), terms }));
        assert_eq!(of("/apps/chat/canary?weight=2.5", Method::POST), canary(terms(2.5, None)));
        assert_eq!(
            of("/apps/chat/canary?header=X-Beta%3A+yes", Method::POST),
            canary(terms(0.0, Some("yes")))
        );
        for bad in ["canary", "canary?weight=101", "canary?weight=NaN", "deploy?weight=-1", "canary?header=x"]
        {
            let uri: &'static str = Box::leak(format!("/apps/chat/{bad}").into_boxed_str());
            assert_eq!(of(uri, Method::POST), Some(Err(422)), "{bad}");
        }
        assert_eq!(of("/apps/chat/promote", Method::POST), Some(Ok(Action::Promote { app: "chat".into() })));
        assert_eq!(of("/apps/chat/rollback?to=x", Method::POST), Some(Err(422)));
        assert_eq!(of("/apps/chat/deploy?component=model", Method::POST), Some(Err(422)));
        assert_eq!(of("/apps/chat/deploy", Method::GET), Some(Err(405)));
        assert_eq!(of("/apps", Method::POST), Some(Err(405)));
        assert_eq!(of("/apps/chat", Method::POST), None);
        assert_eq!(of("/models", Method::GET), None);
    }

    #[test]
    fn an_actor_cannot_write_what_it_likes_into_the_log() {
        let mut headers = HeaderMap::new();
        let address = Some(IpAddr::from([127, 0, 0, 1]));
        assert_eq!(actor(&headers, address), "127.0.0.1");
        headers.insert(ACTOR, "mallory (10.0.0.1)\"".parse().unwrap());
        assert_eq!(actor(&headers, address), "mallory 10.0.0.1 (127.0.0.1)");
    }
}
