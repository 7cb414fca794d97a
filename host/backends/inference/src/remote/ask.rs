//! Asks one server after the other until the first token of an answer has come.

use std::{sync::Arc, time::Instant};

use reqwest::{Response, header::CONTENT_TYPE};
use tokio::{sync::oneshot, time::timeout};

use super::{
    chunk::Chunk,
    client::Opening,
    failure::Failure,
    refusal::refusal,
    request::Question,
    shared::Shared,
    sse::Events,
    upstream::{Turn, Upstream},
};
use crate::Error;

/// An answer whose first token has come.
pub(super) struct Opened {
    pub turn: Turn,
    pub stream: Stream,
    pub first: Chunk,
    /// When the request went out.
    pub sent: Instant,
}

/// Tells whoever called how it began: a server took the request, or why none will.
pub(super) struct Begun(Option<oneshot::Sender<Result<(), Error>>>);

impl Begun {
    pub fn new(caller: oneshot::Sender<Result<(), Error>>) -> Self {
        Self(Some(caller))
    }

    fn well(&mut self) {
        if let Some(caller) = self.0.take() {
            // A caller who did not wait so long gets events all the same.
            let _ = caller.send(Ok(()));
        }
    }

    /// Gives the error back if the caller does not wait for it here any more.
    pub fn badly(&mut self, error: Error) -> Option<Error> {
        match self.0.take() {
            Some(caller) => caller.send(Err(error)).err().and_then(Result::err),
            None => Some(error),
        }
    }
}

/// Asks until a token has come, as often as the settings allow.
pub(super) async fn open(
    shared: &Shared,
    question: &Question,
    limit: u32,
    begun: &mut Begun,
) -> Result<Opened, Error> {
    let patience = shared.config.remote.first_token_timeout;
    let owner = question.options.owner.as_ref();
    let mut attempts = shared.pool.attempts(owner);
    loop {
        let turn = attempts.turn()?;
        let sent = Instant::now();
        let asked = timeout(patience, first(shared, question, limit, &turn, begun)).await;
        let late = Failure::Late { what: "token", within: patience };
        match asked.unwrap_or(Err(late)) {
            Ok((stream, first)) => {
                shared.pool.remember(owner, &turn);
                return Ok(Opened { turn, stream, first, sent });
            }
            Err(failure) => attempts.failed(turn, failure).await?,
        }
    }
}

async fn first(
    shared: &Shared,
    question: &Question,
    limit: u32,
    turn: &Turn,
    begun: &mut Begun,
) -> Result<(Stream, Chunk), Failure> {
    match token(shared, question, limit, turn, begun).await {
        // Some servers refuse what would only end early: an answer longer than the context has room for, or
        // one that would fill it to its end.
        Err(Failure::Overflow { need, context }) if need < context => {
            let room = (context - need - 1).max(1);
            token(shared, question, limit.min(room), turn, begun).await
        }
        first => first,
    }
}

async fn token(
    shared: &Shared,
    question: &Question,
    limit: u32,
    turn: &Turn,
    begun: &mut Begun,
) -> Result<(Stream, Chunk), Failure> {
    let mut stream = request(shared, question, limit, turn).await?;
    begun.well();
    while let Some(chunk) = stream.next().await? {
        if chunk.is_token() {
            return Ok((stream, chunk));
        }
    }
    Err(Failure::Failed("the answer ended before its first token".into()))
}

async fn request(
    shared: &Shared,
    question: &Question,
    max_tokens: u32,
    turn: &Turn,
) -> Result<Stream, Failure> {
    let Turn { upstream, facts, .. } = turn;
    let url = upstream.address.api(question.path());
    let body = question.body(&shared.model, facts.description.dialect, max_tokens);
    let context = shared.context_of(facts);
    match shared.client.stream(url, &body).await? {
        Opening::Stream(response) => Stream::new(response, Arc::clone(upstream), context),
        Opening::Refusal(answer) => Err(refusal(&answer, context)),
    }
}

/// The chunks of an answer. Dropping it ends the request.
pub(super) struct Stream {
    response: Response,
    upstream: Arc<Upstream>,
    events: Events,
    context: u32,
}

impl Stream {
    fn new(response: Response, upstream: Arc<Upstream>, context: u32) -> Result<Self, Failure> {
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Err(Failure::Failed("the server does not stream: its answer is no event stream".into()));
        }
        Ok(Self { response, upstream, events: Events::default(), context })
    }

    /// The next chunk; none at the end.
    pub async fn next(&mut self) -> Result<Option<Chunk>, Failure> {
        loop {
            match self.events.pop() {
                Some(data) if data == b"[DONE]" => return Ok(None),
                Some(data) => return Chunk::parse(&data, self.context).map(Some),
                None => {}
            }
            match self.response.chunk().await.map_err(Failure::lost)? {
                Some(bytes) => {
                    self.upstream.heard();
                    self.events.push(&bytes)?;
                }
                None => return Ok(None),
            }
        }
    }
}
