//! The server's view of loaded applications and of the back ends behind them.

use super::{
    Application, Door,
    application::{Decided, Decider, Observer, Router},
    health::{Check, State},
    session, shadow,
    site::Led,
};
use crate::apps::{App, Apps, Backing, Canary, Serving, canary::Choice, guard::Side, shadow::Place};
use corral_inference::{Listed, Models, Status};
use corral_telemetry::{Hosting, Metrics, routes};
use corral_wasm::{guest, imports::Services};
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::unbounded_channel;

/// Tells a gateway where it is mounted, as proxies do.
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// An application for one request, in the generation that serves when it begins.
pub(super) struct Hosted {
    app: Arc<App>,
    serving: Arc<Serving>,
    services: Arc<Services>,
    /// What is on trial, and whether it is what answers.
    canary: Option<(Arc<Canary>, Side)>,
    /// How a Spin application's routes have led here.
    led: Option<Led>,
    /// The request, if the canary is to answer it unheard.
    shadow: Mutex<Option<shadow::Turn>>,
}

impl Application for Hosted {
    fn name(&self) -> &str {
        self.app.name()
    }

    fn digest(&self) -> &str {
        self.serving.generation().digest()
    }

    fn generation(&self) -> Option<u64> {
        Some(self.serving.generation().record().number)
    }

    fn decider(self: Arc<Self>) -> Option<Decider> {
        let (canary, _) = self.canary.clone()?;
        Some(Box::new(move |request, client| Box::pin(self.decided(canary, request, client))))
    }

    fn observer(&self) -> Option<Observer> {
        let (canary, side) = self.canary.clone()?;
        Some(Box::new(move |outcome| canary.observe(side, outcome)))
    }

    fn answer(
        self: Arc<Self>,
        mut request: Request<guest::body::Incoming>,
        mut context: guest::Context,
    ) -> BoxFuture<'static, Result<Response<guest::Body>, guest::Failure>> {
        self.cast_shadow(&mut context);
        self.mount(&mut request);
        if let Some(led) = &self.led {
            led.tell(&mut request, &mut context);
        }
        Box::pin(guest::answer(self.serving.program().clone(), self.services.clone(), request, context))
    }
}

impl Hosted {
    /// The generation of an application that serves now, for one request.
    pub(super) fn now(app: Arc<App>, services: Arc<Services>, led: Option<Led>) -> Self {
        let serving = app.serving();
        let canary = app.canary().map(|canary| (canary, Side::Serving));
        Self { app, serving, services, canary, led, shadow: Mutex::default() }
    }

    /// The generation that answers a request's session, or where it names none, its client.
    async fn decided(
        self: Arc<Self>,
        canary: Arc<Canary>,
        request: Request<guest::body::Incoming>,
        client: String,
    ) -> Decided {
        let (takes, request) = match canary.terms().choose(request.headers()) {
            Choice::Known(takes) => (takes, request),
            Choice::BySession => {
                let (session, request) = session::of(request).await;
                (canary.terms().takes(canary.number(), &session.unwrap_or(client)), request)
            }
        };
        let shadowed = canary.terms().shadow && !takes && is_turn(&request);
        let (shadow, request) = match shadowed.then(|| canary.shadow().place()).flatten() {
            Some(place) => copied(request, place).await,
            None => (None, request),
        };
        let (side, serving) = match takes {
            true => (Side::Canary, canary.serving().clone()),
            false => (Side::Serving, self.serving.clone()),
        };
        let (app, services) = (self.app.clone(), self.services.clone());
        let (canary, shadow) = (Some((canary, side)), Mutex::new(shadow));
        (Arc::new(Self { app, serving, services, canary, led: self.led.clone(), shadow }), request)
    }

    /// Has the canary answer the turn too, if it is to.
    fn cast_shadow(&self, context: &mut guest::Context) {
        let turn = self.shadow.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(mut turn), Some((canary, _))) = (turn, &self.canary) else { return };
        let (told, answers) = unbounded_channel();
        context.effects.answers = Some(told);
        turn.head.uri = self.app.route().inside(&turn.head.uri);
        let beside = shadow::Beside {
            app: self.app.name().to_owned(),
            request_id: context.request_id.clone(),
            deadline: context.deadline,
            answers,
        };
        tokio::spawn(shadow::run(canary.clone(), self.services.clone(), turn, beside));
    }

    /// Has the gateway see its own paths, and know where they are.
    fn mount(&self, request: &mut Request<guest::body::Incoming>) {
        let route = self.app.route();
        if route.prefix().is_empty() {
            return;
        }
        *request.uri_mut() = route.inside(request.uri());
        if let Ok(prefix) = HeaderValue::from_str(route.prefix()) {
            request.headers_mut().insert(FORWARDED_PREFIX, prefix);
        }
    }
}

fn is_turn<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST && routes::is_turn(request.uri().path())
}

/// The request twice, if its body is not too long for that.
async fn copied(
    request: Request<guest::body::Incoming>,
    place: Place,
) -> (Option<shadow::Turn>, Request<guest::body::Incoming>) {
    let (head, body) = request.into_parts();
    let (read, body) = session::beginning(body).await;
    let turn = read.map(|body| shadow::Turn { head: head.clone(), body, place });
    (turn, Request::from_parts(head, body))
}

/// Leads requests to the applications by host name and path.
pub fn router(apps: Arc<Apps>, backing: Arc<Backing>) -> Box<Router> {
    Box::new(move |host, path| {
        let app = apps.find(host, path)?.clone();
        let services = backing.of(&app)?.clone();
        Some(Arc::new(Hosted::now(app, services, None)))
    })
}

/// Makes readiness and metrics tell of the models. Worth calling while they still load.
pub fn watch_models(door: &Door, metrics: &Metrics, models: &Models) {
    for (place, Listed { name, .. }) in models.list().into_iter().enumerate() {
        let (asked, part) =
            (models.clone(), if place == 0 { "model".into() } else { format!("models.{name}") });
        let check = Check::new(part, move || std::future::ready(state(asked.list().get(place))));
        // The others serve on while an operator loads a further one, or its server is down.
        door.watch(if place == 0 { check } else { check.optional() });
    }
    let loaded = models.clone();
    metrics.watch_models(move || {
        loaded.list().into_iter().map(|Listed { name, load, .. }| (name, load)).collect()
    });
}

/// Makes metrics tell of the turns that wait for the stores of conversations.
pub fn watch_turns(metrics: &Metrics, backing: Arc<Backing>) {
    metrics.watch_sessions(move || backing.waiting_turns());
}

/// Makes readiness tell of a store of conversations, and depend on it if that is `required`.
pub fn watch_sessions(door: &Door, name: String, sessions: &corral_sessions::Sessions, required: bool) {
    let sessions = sessions.clone();
    let check = Check::new(name, move || {
        let sessions = sessions.clone();
        async move { State::of(sessions.ping().await) }
    });
    door.watch(if required { check } else { check.optional() });
}

/// Makes readiness tell of a store of passages, and depend on it if that is `required`.
pub fn watch_vectors(door: &Door, name: String, vectors: &corral_vectors::Vectors, required: bool) {
    let vectors = vectors.clone();
    let check = Check::new(name, move || {
        let vectors = vectors.clone();
        async move { State::of(vectors.ping().await) }
    });
    door.watch(if required { check } else { check.optional() });
}

/// Makes metrics tell of the instances in use and of the generations that serve.
pub fn watch_apps(metrics: &Metrics, apps: Arc<Apps>) {
    metrics.watch_apps(move || {
        let told = |app: &Arc<App>| Hosting {
            app: app.name().to_owned(),
            instances: app.slots().taken(),
            generation: app.serving().generation().record().number,
            canary: app.canary().map_or(0, |canary| canary.number()),
            draining: app.draining().len(),
        };
        apps.iter().map(told).collect()
    });
}

/// The state of a model. One that an operator has not loaded keeps nobody waiting.
fn state(model: Option<&Listed>) -> State {
    match model.and_then(|model| model.status.as_ref()) {
        Some(Status::Down(cause) | Status::Failed(cause)) => State::Down(cause.clone()),
        Some(Status::Loading { fraction }) => State::Loading(*fraction),
        Some(Status::Ready) => State::Ok,
        None => State::Unloaded,
    }
}
