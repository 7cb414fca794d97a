//! The operators' hand on the applications: which generations there are, deploying one, returning to one.

use crate::{
    apps::{
        App, Deployer, Generation, MAX_SIZE, Part,
        deploy::{self, Change},
    },
    respond::Failure,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, Method, Request, Uri};
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
    Deploy { app: String, part: Part, digest: Option<String> },
    RollBack { app: String, to: Option<u64> },
}

/// An application as operators see it.
#[derive(Debug, Serialize)]
pub struct State {
    name: String,
    route: String,
    generations: Vec<Version>,
}

/// A generation as operators see it.
#[derive(Debug, Serialize)]
struct Version {
    number: u64,
    /// `serving`, `draining` or `kept`.
    state: &'static str,
    /// Requests under way with it.
    requests: usize,
    gateway: String,
    logic: String,
    /// Of both, composed.
    digest: String,
    /// When it was made.
    made: String,
    /// Who asked for it.
    by: String,
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
            Some(Some((_, "deploy" | "rollback"))) if method != Method::POST => {
                Some(Err(Failure::MethodNotAllowed("POST")))
            }
            Some(Some((app, "deploy"))) => Some(Self::deploy(app, query)),
            Some(Some((app, "rollback"))) => Some(Self::roll_back(app, &query)),
            _ => None,
        }
    }

    fn deploy(app: &str, mut query: BTreeMap<String, String>) -> Result<Self, Failure> {
        let part = match query.get("component").map(String::as_str) {
            Some("logic") | None => Part::Logic,
            Some("gateway") => Part::Gateway,
            Some(_) => return Err(Failure::Misunderstood("component: expected \"logic\" or \"gateway\"")),
        };
        Ok(Self::Deploy { app: app.to_owned(), part, digest: query.remove("digest") })
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
            Self::Deploy { app, part, digest } => {
                // Whoever names no application need not send a component.
                if !deployer.apps().iter().any(|known| known.name() == app) {
                    return Err(deploy::Error::NoSuchApp.into());
                }
                let signature = signature(request.headers())?;
                let bytes = received(request.into_body()).await?;
                deployer.deploy(&app, Change { part, bytes, digest, signature, file: false, by }).await?;
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
        let mut versions: Vec<Version> = Vec::new();
        for generation in app.kept() {
            let (state, requests) = match generation.record().number == number {
                true => ("serving", serving.requests()),
                false => ("kept", 0),
            };
            versions.push(Version::of(&generation, state, requests));
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
        Self { name: app.name().to_owned(), route: app.route().describe(), generations: versions }
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
            logic: record.parts.logic.clone(),
            digest: generation.digest().to_owned(),
            made: record.made.to_string(),
            by: record.by.clone(),
        }
    }
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
            Some(Ok(Action::Deploy { app: "chat".into(), part, digest: digest.map(str::to_owned) }))
        };
        let roll_back = |to| Some(Ok(Action::RollBack { app: "chat".into(), to }));
        assert_eq!(of("/apps", Method::GET), Some(Ok(Action::List)));
        assert_eq!(of("/apps/chat/deploy", Method::POST), deploy(Part::Logic, None));
        let full = "/apps/chat/deploy?component=gateway&digest=sha256%3Aab";
        assert_eq!(of(full, Method::POST), deploy(Part::Gateway, Some("sha256:ab")));
        assert_eq!(of("/apps/chat/rollback", Method::POST), roll_back(None));
        assert_eq!(of("/apps/chat/rollback?to=3", Method::POST), roll_back(Some(3)));
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
