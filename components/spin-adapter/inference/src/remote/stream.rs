//! An answer as it comes: from a body's pieces to events.

use super::{
    answer::{Answer, Times},
    chunk::Chunk,
    failure::Failure,
    sse::Events,
};
use crate::{Error, Event, Generation, Step};
use corral_spin_platform::http::{self as platform, Body, Piece};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// After so long without news the caller is told that the work goes on.
const NEWS: Duration = Duration::from_secs(15);
/// After so long without a byte it does not.
const SILENCE: Duration = Duration::from_secs(120);
/// The time for what a server still says after an answer's end: what it took.
const AFTERMATH: Duration = Duration::from_secs(2);

/// The chunks of an answer. Dropping it ends the request.
pub(super) struct Stream {
    body: Box<dyn Body>,
    events: Events,
    context: u32,
    sent: Instant,
    heard: Instant,
}

/// What comes next of a stream.
enum Next {
    Chunk(Chunk),
    Nothing,
    End,
}

impl Stream {
    pub fn new(answer: platform::Answer, context: u32) -> Result<Self, Failure> {
        let kind = answer.header("content-type").unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Err(Failure::Failed("the server does not stream: its answer is no event stream".into()));
        }
        let now = Instant::now();
        Ok(Self { body: answer.body, events: Events::default(), context, sent: now, heard: now })
    }

    pub fn answer(self, stops: Vec<String>, alternatives: Option<u32>, submitted: Instant) -> Running {
        Running {
            stage: Stage::Opening { stream: self, stops, alternatives, submitted },
            told: VecDeque::new(),
        }
    }

    fn next(&mut self, within: Duration) -> Result<Next, Failure> {
        let end = Instant::now() + within;
        loop {
            match self.events.pop() {
                Some(data) if data == b"[DONE]" => return Ok(Next::End),
                Some(data) => return Chunk::parse(&data, self.context).map(Next::Chunk),
                None => {}
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Next::Nothing);
            }
            match self.body.read(left)? {
                Piece::Bytes(bytes) => {
                    self.heard = Instant::now();
                    self.events.push(&bytes)?;
                }
                Piece::Nothing if self.heard.elapsed() >= SILENCE => {
                    return Err(Failure::Failed(format!("silent for {SILENCE:?}")));
                }
                Piece::Nothing => return Ok(Next::Nothing),
                Piece::End => return Ok(Next::End),
            }
        }
    }
}

/// An answer under way.
pub(super) struct Running {
    stage: Stage,
    told: VecDeque<Event>,
}

enum Stage {
    /// No token has come yet.
    Opening {
        stream: Stream,
        stops: Vec<String>,
        alternatives: Option<u32>,
        submitted: Instant,
    },
    Running(Stream, Box<Answer>),
    Ended,
}

impl Generation for Running {
    fn next(&mut self, max: usize) -> Result<Step, Error> {
        let end = Instant::now() + NEWS;
        while self.told.is_empty() {
            // An error ends the answer: nothing puts the stage back.
            let stage = match std::mem::replace(&mut self.stage, Stage::Ended) {
                Stage::Ended => break,
                Stage::Opening { stream, stops, alternatives, submitted } => {
                    open(stream, stops, alternatives, submitted, end, &mut self.told)?
                }
                Stage::Running(stream, answer) if answer.is_finished() => {
                    finish(stream, *answer, &mut self.told)?
                }
                Stage::Running(stream, answer) => go_on(stream, answer, end, &mut self.told)?,
            };
            self.stage = stage;
            if self.told.is_empty() && Instant::now() >= end {
                return Ok(Step::Waiting);
            }
        }
        let count = max.max(1).min(self.told.len());
        Ok(Step::Events(self.told.drain(..count).collect()))
    }
}

/// Waits for the first token.
fn open(
    mut stream: Stream,
    stops: Vec<String>,
    alternatives: Option<u32>,
    submitted: Instant,
    end: Instant,
    told: &mut VecDeque<Event>,
) -> Result<Stage, Failure> {
    match stream.next(end.saturating_duration_since(Instant::now()))? {
        Next::Chunk(chunk) if chunk.is_token() => {
            let times = Times { submitted, sent: stream.sent, first_token: Instant::now() };
            let mut answer = Box::new(Answer::new(stops, alternatives, times));
            told.extend(answer.take(chunk));
            Ok(Stage::Running(stream, answer))
        }
        Next::Chunk(_) | Next::Nothing => Ok(Stage::Opening { stream, stops, alternatives, submitted }),
        Next::End => Err(Failure::Failed("the answer ended before its first token".into())),
    }
}

fn go_on(
    mut stream: Stream,
    mut answer: Box<Answer>,
    end: Instant,
    told: &mut VecDeque<Event>,
) -> Result<Stage, Failure> {
    match stream.next(end.saturating_duration_since(Instant::now()))? {
        Next::Chunk(chunk) => told.extend(answer.take(chunk)),
        Next::Nothing => {}
        Next::End => return Err(Failure::Failed("the answer broke off".into())),
    }
    Ok(Stage::Running(stream, answer))
}

/// What it took is good to know, and nothing to fail or to wait long for.
fn finish(mut stream: Stream, mut answer: Answer, told: &mut VecDeque<Event>) -> Result<Stage, Failure> {
    let end = Instant::now() + AFTERMATH;
    // A server that let a stop string through may go on for ever.
    while !answer.is_cut() {
        match stream.next(end.saturating_duration_since(Instant::now())) {
            Ok(Next::Chunk(chunk)) => drop(answer.take(chunk)),
            Ok(Next::Nothing | Next::End) | Err(_) => break,
        }
    }
    told.extend(answer.done());
    Ok(Stage::Ended)
}
