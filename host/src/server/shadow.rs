//! A canary that nobody hears: it answers turns that what serves answers too, and both answers are compared.
//!
//! Nothing of it is stored, cached or sent. It has places of its own and waits behind everyone at the model. Not here:
//! which turns (`hosted`), and the counts (`apps/canary`).

use crate::apps::{
    Canary,
    shadow::{Compared, Place},
};
use bytes::Bytes;
use corral_telemetry::Record;
use corral_wasm::{
    guest::{self, Client, Context, Effects, Program},
    imports::Services,
};
use http::{Request, request::Parts};
use http_body_util::{BodyExt as _, Full};
use std::sync::Arc;
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Instant, timeout_at},
};

/// A turn to be answered once more.
pub(super) struct Turn {
    /// The request's head.
    pub head: Parts,
    /// Its whole body.
    pub body: Bytes,
    /// Given back when it is answered.
    pub place: Place,
}

/// What the other answer has beside itself.
pub(super) struct Beside {
    pub app: String,
    pub request_id: String,
    pub deadline: Instant,
    /// Tells the answer that is stored.
    pub answers: UnboundedReceiver<String>,
}

/// Answers the turn, and compares.
pub(super) async fn run(canary: Arc<Canary>, services: Arc<Services>, turn: Turn, mut beside: Beside) {
    let begun = Instant::now();
    let answered = answer(&canary, services, turn, &beside).await;
    let took = begun.elapsed();
    // A turn that was not stored, of a client that left, says nothing.
    let Ok(Some(stored)) = timeout_at(beside.deadline, beside.answers.recv()).await else { return };
    let compared = match &answered {
        Some(answer) if *answer == stored => Compared::Same,
        Some(_) => Compared::Other,
        None => Compared::Failed,
    };
    canary.shadow().count(compared);
    let (app, generation, request_id) = (beside.app, canary.number(), beside.request_id);
    let characters = |text: &str| text.chars().count();
    tracing::info!(
        target: "corral::shadow",
        app,
        generation,
        request_id,
        compared = compared.name(),
        characters = characters(&stored),
        shadow_characters = answered.as_deref().map(characters),
        shadow_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "a turn was answered once more"
    );
    // What people are told is in no log, unless it is asked for.
    tracing::debug!(target: "corral::shadow", request_id, answer = stored, shadow = answered, "both answers");
}

/// What would have been stored; none if it did not come to that.
async fn answer(canary: &Canary, services: Arc<Services>, turn: Turn, beside: &Beside) -> Option<String> {
    let Turn { head, body, place: _place } = turn;
    let (answers, mut told) = unbounded_channel();
    let context = Context {
        request_id: format!("{}-shadow", beside.request_id),
        client: Client::default(),
        deadline: beside.deadline,
        record: Arc::new(Record::default()),
        effects: Effects { discarded: true, inward: true, answers: Some(answers) },
        inside: None,
        depth: 0,
    };
    let slots = canary.shadow().slots().clone();
    let program = Arc::new(Program { slots, ..Program::clone(canary.serving().program()) });
    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    let request = Request::from_parts(head, body);
    let mut body = guest::answer(program, services, request, context).await.ok()?.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    told.try_recv().ok()
}
