//! An answer under way: events to the client, then the pair to the store.
//!
//! What is streamed is what is stored, letter by letter. A reply dropped before it is complete cancels
//! the generation and stores nothing.

use crate::{
    Done, Error, Event, Generation, Host, Source, Trimmed,
    bindings::corral::host::{
        inference::{self, Finish, Input, Owner, Usage},
        sessions::{self, Turn},
    },
    budget::{self, Material, Space},
    failure::{log, unavailable},
    prompt,
};
use std::{collections::VecDeque, mem};

/// What is answered, kept until the answer is complete.
pub(crate) struct Asked {
    /// The turn's id.
    pub id: String,
    pub session: String,
    pub question: String,
    /// What the next turn's input is guessed from, if a model answers.
    pub next: Option<Next>,
}

/// What a turn was answered from, and with which model.
pub(crate) struct Next {
    pub model: Option<String>,
    pub material: Material,
    pub space: Space,
}

/// A running answer.
pub struct Reply<H: Host> {
    host: H,
    asked: Asked,
    answer: Answer,
    stage: Stage<H::Generation>,
    events: VecDeque<Event>,
}

enum Stage<G> {
    Generating(G),
    /// The answer is complete; the pair is not stored yet.
    Complete(inference::Done),
    Ended,
}

impl<H: Host> Reply<H> {
    /// What a model writes, from its first word on.
    pub(crate) fn generated(
        host: H,
        asked: Asked,
        sources: Vec<Source>,
        trimmed: Option<Trimmed>,
        generation: H::Generation,
    ) -> Self {
        let first = [Some(Event::Sources(sources)), trimmed.map(Event::Trimmed)];
        Self {
            host,
            asked,
            answer: Answer::default(),
            stage: Stage::Generating(generation),
            events: first.into_iter().flatten().collect(),
        }
    }

    /// A text that is there already.
    pub(crate) fn said(host: H, asked: Asked, sources: Vec<Source>, text: String) -> Self {
        let usage = Usage {
            prompt_tokens: 0,
            cached_tokens: 0,
            completion_tokens: 0,
            queue_ms: 0,
            first_token_ms: 0,
            total_ms: 0,
        };
        let mut answer = Answer::default();
        let delta = answer.push(&text).map(Event::Delta);
        Self {
            host,
            asked,
            answer,
            stage: Stage::Complete(inference::Done { finish: Finish::Stop, usage }),
            events: [Event::Sources(sources)].into_iter().chain(delta).collect(),
        }
    }

    /// The next events, at least one and at most `max` (0 counts as 1). Empty after `done` or an error.
    pub fn next(&mut self, max: u32) -> Result<Vec<Event>, Error> {
        let max = usize::try_from(max.max(1)).unwrap_or(usize::MAX);
        while self.events.is_empty() {
            // An error ends the reply: nothing puts the stage back.
            match mem::replace(&mut self.stage, Stage::Ended) {
                Stage::Generating(generation) => self.stage = self.generate(generation, max)?,
                Stage::Complete(done) => {
                    let done = self.finish(done);
                    self.events.push_back(Event::Done(done));
                }
                Stage::Ended => return Ok(Vec::new()),
            }
        }
        Ok(self.events.drain(..max.min(self.events.len())).collect())
    }

    fn generate(&mut self, mut generation: H::Generation, max: usize) -> Result<Stage<H::Generation>, Error> {
        let events = generation.next(u32::try_from(max).unwrap_or(u32::MAX))?;
        if events.is_empty() {
            return Err(unavailable("the generation ended without saying so"));
        }
        for event in events {
            match event {
                inference::Event::Delta(text) => {
                    self.events.extend(self.answer.push(&text).map(Event::Delta));
                }
                // Not asked for.
                inference::Event::Scored(_) => {}
                inference::Event::Waiting => self.events.push_back(Event::Waiting),
                inference::Event::Done(done) => return Ok(Stage::Complete(done)),
            }
        }
        Ok(Stage::Generating(generation))
    }

    /// Stores the pair, and readies the model for the next turn.
    fn finish(&mut self, done: inference::Done) -> Done {
        let pair = Turn { user: self.asked.question.clone(), ai: mem::take(&mut self.answer.text) };
        let persisted = self.store(&pair);
        if persisted {
            self.prepare(pair);
        }
        Done { finish: done.finish, usage: done.usage, persisted }
    }

    /// Whether the pair is in the session's history now. Where the store is down the host goes on trying,
    /// so this does not.
    fn store(&self, pair: &Turn) -> bool {
        match self.host.append(&self.asked.session, pair, &self.asked.id) {
            Ok(_) => true,
            // Deleted while it was answered: whoever did that knows.
            Err(sessions::Error::NotFound) => false,
            Err(sessions::Error::TooLarge(limit)) => {
                log(&format!("turn not stored: above {limit} bytes"));
                false
            }
            Err(sessions::Error::InvalidArgument(what)) => {
                log(&format!("turn not stored: {what}"));
                false
            }
            Err(sessions::Error::Unavailable) => {
                log("turn not stored yet: session store is unavailable");
                false
            }
        }
    }

    /// Has the model read what the next turn will most likely begin with: if the next question and its
    /// passages are like these, the history is cut then where it is cut here.
    fn prepare(&mut self, pair: Turn) {
        let Some(Next { model, material, space }) = &mut self.asked.next else { return };
        material.history.push(pair);
        let model = model.as_deref();
        let host = &self.host;
        let next = budget::plan(material, *space, |chat| Ok(host.count_tokens(model, &Input::Chat(chat))?));
        // A hint: whatever goes wrong with it, the next turn only takes longer.
        if let Ok(plan) = next {
            let kept = prompt::transcript(material.system.as_deref(), material.kept(plan.keep));
            let _ = host.prepare(model, &Input::Chat(kept), &Owner::Session(self.asked.session.clone()));
        }
    }
}

/// The answer's text so far, without white space around it.
#[derive(Default)]
struct Answer {
    text: String,
    /// White space that belongs to the text only if more text follows.
    held: String,
}

impl Answer {
    /// Adds a piece of what the model writes, and gives what of it is known to belong to the answer.
    fn push(&mut self, piece: &str) -> Option<String> {
        self.held.push_str(piece);
        if self.text.is_empty() {
            self.held = self.held.trim_start().to_owned();
        }
        let end = self.held.trim_end().len();
        let rest = self.held.split_off(end);
        let known = mem::replace(&mut self.held, rest);
        self.text.push_str(&known);
        (!known.is_empty()).then_some(known)
    }
}
